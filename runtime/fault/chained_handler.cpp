// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/fault/chained_handler.hpp"

#include <atomic>
#include <pthread.h>
#include <ucontext.h>
#include <unistd.h>

namespace fiber::rt {
namespace {

// Returns true for a fault, which comes again when its instruction is repeated. A signal that was sent
// does not.
bool comes_by_itself(siginfo_t const& info) noexcept { return info.si_code > 0; }

void die_of(int signal, siginfo_t const& info) noexcept {
    struct sigaction usual {};
    usual.sa_handler = SIG_DFL;
    ::sigaction(signal, &usual, nullptr);
    if (!comes_by_itself(info))
        ::pthread_kill(::pthread_self(), signal); // delivered when our handler returns, which unblocks it
}

// Blocks the signals that the kernel would block during the handler. The return of our handler unblocks
// them.
void block_as_asked(struct sigaction const& handler, int signal, void const* context) noexcept {
    sigset_t blocked = static_cast<ucontext_t const*>(context)->uc_sigmask;
    sigorset(&blocked, &blocked, &handler.sa_mask);
    if ((handler.sa_flags & SA_NODEFER) == 0)
        sigaddset(&blocked, signal);
    ::pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
}

} // namespace

void chained_handler::install(int signal, function ours) noexcept {
    ::sigaction(signal, nullptr, &before_); // before the handler can be called
    struct sigaction mine {};
    mine.sa_sigaction = ours;
    mine.sa_flags = SA_SIGINFO | SA_ONSTACK | (before_.sa_flags & SA_RESTART);
    sigemptyset(&mine.sa_mask);
    ::sigaction(signal, &mine, nullptr);
}

void chained_handler::pass_on(int signal, siginfo_t* info, void* context) noexcept {
    struct sigaction const to = before_;
    if ((to.sa_flags & SA_SIGINFO) == 0) {
        if (to.sa_handler == SIG_DFL ||
            (to.sa_handler == SIG_IGN && comes_by_itself(*info))) { // a fault cannot be ignored
            die_of(signal, *info);
            return;
        }
        if (to.sa_handler == SIG_IGN)
            return;
    }
    if ((to.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) {
        before_.sa_handler = SIG_DFL;
        before_.sa_flags = 0;
    }
    block_as_asked(to, signal, context);
    if ((to.sa_flags & SA_SIGINFO) != 0)
        to.sa_sigaction(signal, info, context);
    else
        to.sa_handler(signal);
}

} // namespace fiber::rt
