// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// outermost_call.hpp: a call that no exception leaves. The unwinder's search for a handler stops
// here, before any frame is destroyed. A core dump or a debugger therefore shows the thrower, as
// for std::thread.
#pragma once

extern "C" [[noreturn]] void
fiber_arch_outermost_call(void (*body)()) noexcept; // outermost_call.S; body never returns

namespace fiber::arch {

enum class unwinding {
    exception, // the current exception; no frame has been unwound
    forced,    // pthread_exit or cancellation; all frames have been unwound
};

// Called on the stack of the outermost call, in place of unwinding further. The runtime defines it.
[[noreturn]] void on_uncaught(unwinding) noexcept;

} // namespace fiber::arch
