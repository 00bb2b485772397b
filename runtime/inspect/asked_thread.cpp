// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/asked_thread.hpp"

#include "runtime/base/platform/clock.hpp"
#include "runtime/base/process/fatal.hpp"
#include "runtime/base/process/no_destructor.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/machine.hpp"

#include "asm/signal_context.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fiber::rt {
namespace {

using namespace std::chrono_literals;

constexpr auto max_wait = 50ms;

constinit no_destructor<std::mutex> asking; // guards the signal, and the side that asks

//   [ask] state    set by                                         then
//   none           the asking thread, at the end or at its limit   a late handler does nothing
//   asked          the asking thread                               the handler may take the question
//   taken          the handler, by an exchange                     the asking thread waits for the answer
//   answered       the handler                                     the frames are complete
enum class question : int { none, asked, taken, answered };
constinit std::atomic<question> state{question::none};
constinit fiber const* asked_for = nullptr;
constinit arch::backtrace* answer = nullptr;

constinit int signal_used = 0; // 0: none is installed
constinit bool is_pending = false;

void on_question(int, siginfo_t*, void* context) {
    int const error = errno;
    auto expected = question::asked;
    if (state.compare_exchange_strong(expected, question::taken, std::memory_order_acq_rel)) { // [ask]
        machine const* const m = current_machine();
        if (m != nullptr && m->running == asked_for && !m->lease.inside())
            arch::walk_self(arch::interrupted(context).pc, *answer);
        state.store(question::answered, std::memory_order_release); // [ask]
    }
    errno = error;
}

// Returns false if the program handles all real-time signals.
bool install() noexcept {
    if (signal_used != 0)
        return true;
    for (int signal = SIGRTMAX; signal >= SIGRTMIN; --signal) {
        struct sigaction before {};
        if (::sigaction(signal, nullptr, &before) != 0 || before.sa_handler != SIG_DFL ||
            (before.sa_flags & SA_SIGINFO) != 0)
            continue;
        struct sigaction ours {};
        ours.sa_sigaction = on_question;
        ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
        sigfillset(&ours.sa_mask);
        if (::sigaction(signal, &ours, nullptr) != 0)
            return false;
        signal_used = signal;
        return true;
    }
    return false;
}

void uninstall() noexcept {
    if (signal_used == 0 || is_pending)
        return;
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    ::sigaction(signal_used, &standard, nullptr);
    signal_used = 0;
}

// [fork] No other thread asks during a fork.
void before_fork() noexcept { asking.value.lock(); }
void after_fork() noexcept { asking.value.unlock(); }

[[gnu::constructor(102)]] void prepare_for_fork() {
    if (int const error = ::pthread_atfork(before_fork, after_fork, after_fork); error != 0)
        fatal("cannot prepare for fork: pthread_atfork: %s", std::strerror(error));
}

} // namespace

asked_threads::asked_threads() : turn_(asking.value) {}
asked_threads::~asked_threads() { uninstall(); }

void asked_threads::for_frames(machine const& m, fiber const& g, arch::backtrace& to) noexcept {
    pid_t const thread = m.thread_id;
    if (thread == 0 || !install())
        return;
    asked_for = &g;
    answer = &to;
    state.store(question::asked, std::memory_order_release); // [ask]
    if (::syscall(SYS_tgkill, ::getpid(), thread, signal_used) != 0) {
        state.store(question::none, std::memory_order_relaxed); // relaxed: no handler runs
        return;
    }
    auto const until = clock::now() + max_wait;
    while (state.load(std::memory_order_acquire) != question::answered) { // [ask]
        ::sched_yield();
        auto expected = question::asked;
        if (clock::now() >= until &&
            state.compare_exchange_strong(expected, question::none, std::memory_order_acq_rel)) { // [ask]
            is_pending = true;
            return;
        }
    }
    state.store(question::none, std::memory_order_relaxed); // relaxed: the handler is done
}

} // namespace fiber::rt
