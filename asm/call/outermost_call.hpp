// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// outermost_call.hpp: a call that no exception leaves. The unwinder's search for a handler stops
// here, before any frame is destroyed. A core dump or a debugger therefore shows the thrower, as
// for std::thread.
#pragma once

#include <cstdint>

extern "C" [[noreturn]] void
fiber_arch_outermost_call(void (*body)()) noexcept; // outermost_call.S; body never returns

namespace fiber::arch {

enum class unwinding {
    exception, // the current exception; no frame has been unwound
    forced,    // pthread_exit or cancellation; all frames have been unwound
};

// Sets the handler that runs on the stack of the outermost call, in place of unwinding further. It must end
// the process. Without a handler, or if it returns, std::terminate ends the process. `unwinder` is an address
// in the innermost frame of the unwinder, above the frame that has thrown.
using uncaught_handler = void (*)(unwinding, std::uintptr_t unwinder) noexcept;
void set_uncaught_handler(uncaught_handler) noexcept;

} // namespace fiber::arch
