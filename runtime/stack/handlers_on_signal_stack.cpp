// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/stack/handlers_on_signal_stack.hpp"

#include "asm/segmented/growth_segmented.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <mutex>

extern "C" {
// The C library's function.
int __real_sigaction(int, struct sigaction const*, struct sigaction*);
}

namespace fiber::rt {
namespace {

// The handlers that the program has installed. Relaxed: a thread that installs a handler publishes what the
// handler needs. If two threads install one for the same signal at once, either may be called.
using handler = void (*)(int, siginfo_t*, void*);
std::array<std::atomic<handler>, _NSIG> installed{};

FIBER_NO_SPLIT void enter(int signal, siginfo_t* info, void* context) noexcept;
void enter(int signal, siginfo_t* info, void* context) noexcept {
    arch::limit_suspension const on_the_signal_stack;
    installed[static_cast<std::size_t>(signal)].load(std::memory_order_relaxed)(signal, info, context);
}

bool is_handler(struct sigaction const& how) noexcept {
    return how.sa_handler != SIG_DFL && how.sa_handler != SIG_IGN;
}

// Does what the C library's sigaction does. A signal that comes during the call finds the handler
// before its flags.
int install(int signal, struct sigaction const* to, struct sigaction* before) noexcept {
    if (signal <= 0 || signal >= _NSIG)
        return __real_sigaction(signal, to, before); // sets errno
    std::atomic<handler>& mine = installed[static_cast<std::size_t>(signal)];
    handler const previous = mine.load(std::memory_order_relaxed);
    struct sigaction entered {
    }, replaced{};
    if (to != nullptr) {
        entered = *to;
        entered.sa_flags |= SA_ONSTACK;
        if (is_handler(*to)) {
            mine.store(to->sa_sigaction, std::memory_order_relaxed);
            entered.sa_sigaction = enter; // gets all arguments, also for handlers of one argument
        }
    }
    int const result = __real_sigaction(signal, to != nullptr ? &entered : nullptr, &replaced);
    if (result != 0)
        mine.store(previous, std::memory_order_relaxed);
    if (replaced.sa_sigaction == enter)
        replaced.sa_sigaction = previous;
    if (result == 0 && before != nullptr)
        *before = replaced;
    return result;
}

void move_handler(int signal) noexcept {
    struct sigaction now {};
    if (__real_sigaction(signal, nullptr, &now) == 0 && is_handler(now) && now.sa_sigaction != enter)
        install(signal, &now, nullptr);
}

} // namespace

void put_handlers_on_signal_stack() noexcept {
    static std::once_flag once;
    std::call_once(once, [] {
        for (int signal = 1; signal <= SIGRTMAX; ++signal)
            move_handler(signal);
    });
}

} // namespace fiber::rt

extern "C" {

[[gnu::visibility("hidden")]] int __wrap_sigaction(int signal, struct sigaction const* to,
                                                   struct sigaction* before) {
    return fiber::rt::install(signal, to, before);
}

// Does what the C library's signal does: interrupted calls are restarted, and the handler stays installed.
[[gnu::visibility("hidden")]] sighandler_t __wrap_signal(int signal, sighandler_t to) {
    struct sigaction how {
    }, before{};
    how.sa_handler = to;
    how.sa_flags = SA_RESTART;
    return fiber::rt::install(signal, &how, &before) == 0 ? before.sa_handler : SIG_ERR;
}
}
