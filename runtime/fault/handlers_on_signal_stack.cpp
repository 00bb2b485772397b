// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/fault/handlers_on_signal_stack.hpp"

#include <csignal>
#include <mutex>

extern "C" {
// The C library's.
int __real_sigaction(int, struct sigaction const*, struct sigaction*);
}

namespace fiber::rt {
namespace {

void move_handler(int signal) noexcept {
    struct sigaction now {};
    if (__real_sigaction(signal, nullptr, &now) != 0 || now.sa_handler == SIG_DFL ||
        now.sa_handler == SIG_IGN || (now.sa_flags & SA_ONSTACK) != 0)
        return;
    now.sa_flags |= SA_ONSTACK;
    __real_sigaction(signal, &now, nullptr);
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
    if (to == nullptr)
        return __real_sigaction(signal, to, before);
    struct sigaction moved = *to;
    moved.sa_flags |= SA_ONSTACK;
    return __real_sigaction(signal, &moved, before);
}

// As the C library's: the call that was interrupted goes on, the handler stays.
[[gnu::visibility("hidden")]] sighandler_t __wrap_signal(int signal, sighandler_t handler) {
    struct sigaction to {
    }, before{};
    to.sa_handler = handler;
    to.sa_flags = SA_RESTART | SA_ONSTACK;
    return __real_sigaction(signal, &to, &before) == 0 ? before.sa_handler : SIG_ERR;
}
}
