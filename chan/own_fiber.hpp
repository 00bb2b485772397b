// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// own_fiber.hpp: runs user code that must not delay its caller. A file for this alone lets a test replace it.
#pragma once

namespace fiber::detail {

// Calls run(argument) in a new fiber of the caller's runtime, or of the global runtime for an OS thread.
// Calls it in the caller if no fiber can be started. An exception that leaves it ends the program, as in go.
void call_in_own_fiber(void (*run)(void*), void* argument) noexcept;

} // namespace fiber::detail
