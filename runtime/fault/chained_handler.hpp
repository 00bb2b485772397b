// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chained_handler.hpp: a signal handler in front of the one that was there before, which gets the signals as if ours
// were not there: with the arguments, the mask and the disposition that its own flags ask for. Only its stack is the
// alternative one, where a thread has that, whether it asked for it or not.
#pragma once

#include <csignal>

namespace fiber::rt {

class chained_handler {
public:
    using function = void (*)(int, siginfo_t*, void*);

    // Puts ours in front, on the alternative signal stack where a thread has one.
    void install(int signal, function ours) noexcept;

    // From ours: what would have happened without it. When this returns, ours must return too: the thread goes on, or
    // dies of the signal where it was interrupted, so that a core shows that place.
    void pass_on(int signal, siginfo_t*, void* context) noexcept;

private:
    struct sigaction before_ {};
};

} // namespace fiber::rt
