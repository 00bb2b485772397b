// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// own_fiber.hpp: user code that must not delay its caller. By itself, so that a test can replace it.
#pragma once

namespace fiber::detail {

// Calls run(argument) in a new fiber: of the caller's runtime, or of the global one for an OS thread. Calls
// it here if no fiber can be had: it must run in any case. An exception that leaves it ends the program, as
// in go.
void call_in_own_fiber(void (*run)(void*), void* argument) noexcept;

} // namespace fiber::detail
