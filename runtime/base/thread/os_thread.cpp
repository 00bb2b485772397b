// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// os_thread.cpp: starts OS threads with small stacks and blocked signals.
#include "runtime/base/thread/os_thread.hpp"

#include <atomic>
#include <climits>
#include <csignal>
#include <cstddef>
#include <link.h>
#include <system_error>

namespace fiber::rt {
namespace {

constexpr std::size_t stack_bytes = std::size_t{1} << 20;

// The size of the thread-local variables of the program and of its libraries. The C library takes
// them from each thread's stack; for libraries loaded later, it has reserved other memory. The size
// is counted before main: the iteration takes a lock, which a fork could leave locked.
constinit std::size_t thread_local_bytes = 0;

int add_thread_locals(dl_phdr_info* module, std::size_t, void*) {
    for (unsigned i = 0; i < module->dlpi_phnum; ++i)
        if (auto const& segment = module->dlpi_phdr[i]; segment.p_type == PT_TLS)
            thread_local_bytes += segment.p_memsz + segment.p_align;
    return 0;
}

[[gnu::constructor(101)]] void count_thread_locals() { // 101: the first that programs may use
    ::dl_iterate_phdr(add_thread_locals, nullptr);
}

// Blocks all signals while it lives. A new thread inherits the signal mask of the thread that
// starts it.
class all_signals_blocked {
public:
    all_signals_blocked() noexcept {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~all_signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    all_signals_blocked(all_signals_blocked const&) = delete;
    all_signals_blocked& operator=(all_signals_blocked const&) = delete;

private:
    sigset_t before_;
};

constinit std::atomic<unsigned> running{0}; // relaxed: a number

struct counted_thread {
    bool counted = false;
    ~counted_thread() {
        if (counted)
            running.fetch_sub(1, std::memory_order_relaxed);
    }
};
constinit thread_local counted_thread this_thread;

} // namespace

int os_thread::try_start(void* (*body)(void*), void* argument) noexcept {
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0)
        return error;
    pthread_attr_setstacksize(&attributes, stack_bytes + thread_local_bytes); // if refused, the default stays
    {
        all_signals_blocked const meanwhile;
        error = pthread_create(&handle_, &attributes, body, argument);
    }
    pthread_attr_destroy(&attributes);
    if (error != 0)
        return error;
    started_ = true;
    return 0;
}

void os_thread::start(void* (*body)(void*), void* argument) {
    if (int const error = try_start(body, argument); error != 0)
        throw_cannot_start(error);
}

void os_thread::join() noexcept {
    if (started_)
        pthread_join(handle_, nullptr);
    started_ = false;
}

void os_thread::detach() noexcept {
    if (started_)
        pthread_detach(handle_);
    started_ = false;
}

void name_this_thread(char const* name) noexcept {
    pthread_setname_np(pthread_self(), name);
    this_thread.counted = true;
    running.fetch_add(1, std::memory_order_relaxed);
}

unsigned library_threads() noexcept { return running.load(std::memory_order_relaxed); }
void forget_library_threads() noexcept { running.store(0, std::memory_order_relaxed); }

void throw_cannot_start(int error) {
    throw std::system_error(error, std::generic_category(), "fiber: cannot start an OS thread");
}

} // namespace fiber::rt
