// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hook_lookups.hpp: look-ups of names that hooked calls make.
#pragma once

namespace fiber::rt {

// Runs call(argument), which asks the system for a name, as in fiber::blocking, and with the stack of a
// thread. At most 64 such calls run at a time. The others park, in their order. Hooked calls that it makes
// are plain.
void look_up(void (*call)(void*) noexcept, void* argument) noexcept;

} // namespace fiber::rt
