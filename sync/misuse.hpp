// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// misuse.hpp: what is said of an object that is used wrongly. Each is one line that names the kind and address of the
// object, what is wrong, and the fiber or OS thread that has done it; then the process aborts.
#pragma once

namespace fiber::rt {

[[noreturn, gnu::cold]] void misused(char const* kind, void const* object, char const* how) noexcept;

// For destructors. Returns if the object has static storage duration: those are destroyed when the process exits, while
// fibers that use them may still run and are dropped.
[[gnu::cold]] void destroyed_in_use(char const* kind, void const* object, char const* how) noexcept;

} // namespace fiber::rt
