// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// misuse.hpp: what is said of an object that is used wrongly. Each is one line that names the kind and address of the
// object, what is wrong, and the fiber or OS thread that has done it; then the process aborts.
#pragma once

#include <fiber/detail/lock_kind.hpp>

namespace fiber::rt {

// As the user knows it: fiber::mutex, …
[[nodiscard, gnu::cold]] char const* name_of(detail::lock_kind) noexcept;

[[noreturn, gnu::cold]] void misused(char const* kind, void const* object, char const* how) noexcept;
[[noreturn, gnu::cold]] inline void misused(detail::lock_kind kind, void const* object,
                                            char const* how) noexcept {
    misused(name_of(kind), object, how);
}

// For destructors. Returns if the object has static storage duration, or exit() has begun, which destroys those and what they
// own, while fibers that use them may still run and are dropped.
[[gnu::cold]] void destroyed_in_use(char const* kind, void const* object, char const* how) noexcept;
[[gnu::cold]] inline void destroyed_in_use(detail::lock_kind kind, void const* object,
                                           char const* how) noexcept {
    destroyed_in_use(name_of(kind), object, how);
}

} // namespace fiber::rt
