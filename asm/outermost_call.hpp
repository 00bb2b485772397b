// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// outermost_call.hpp: a call that no exception leaves. One that nobody catches is met by the unwinder's search for a handler: so
// nothing has been destroyed yet, and a core, or a debugger, shows who has thrown it, as it does for std::thread.
#pragma once

extern "C" [[noreturn]] void
fiber_arch_outermost_call(void (*body)()) noexcept; // outermost_call.S; body never returns

namespace fiber::arch {

enum class unwinding {
    exception, // the current one; no frame has been left
    forced,    // pthread_exit, or cancellation: all frames have been
};

// What the runtime does in place of letting it go on. On the stack of the call.
[[noreturn]] void on_uncaught(unwinding) noexcept;

} // namespace fiber::arch
