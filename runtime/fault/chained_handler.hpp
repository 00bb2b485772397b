// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chained_handler.hpp: a signal handler in front of the handler that was installed before. The earlier
// handler gets signals as if ours did not exist: with the arguments, the mask and the disposition of
// its own flags. Only the stack differs: it is the thread's alternative signal stack, if there is one,
// even without SA_ONSTACK.
#pragma once

#include <csignal>

namespace fiber::rt {

class chained_handler {
public:
    using function = void (*)(int, siginfo_t*, void*);

    // Puts ours in front. It runs on the alternative signal stack of threads that have one.
    void install(int signal, function ours) noexcept;

    // Does what would have happened without our handler, which calls this. When it returns, our handler
    // must return too. Then the thread goes on, or dies of the signal at the interrupted instruction,
    // so that a core file shows that instruction.
    void pass_on(int signal, siginfo_t*, void* context) noexcept;

private:
    struct sigaction before_ {};
};

} // namespace fiber::rt
