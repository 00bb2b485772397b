// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// misuse.hpp: what is said of an object that is used wrongly. Each is one line that names the kind and address of the
// object, what is wrong, and the fiber or OS thread that has done it; then the process aborts.
#pragma once

#include <fiber/detail/lock_kind.hpp>

namespace fiber::rt {

// As the user knows it: fiber::mutex, …
[[nodiscard, gnu::cold]] char const* name_of(detail::lock_kind) noexcept;

[[noreturn, gnu::cold]] void report_misuse(char const* kind, void const* object, char const* what) noexcept;
[[noreturn, gnu::cold]] inline void report_misuse(detail::lock_kind kind, void const* object,
                                                  char const* what) noexcept {
    report_misuse(name_of(kind), object, what);
}

// For destructors. Returns if the object has static storage duration, or exit() has begun, which destroys those and what they
// own, while fibers that use them may still run and are dropped.
[[gnu::cold]] void report_destroyed_in_use(char const* kind, void const* object, char const* what) noexcept;
[[gnu::cold]] inline void report_destroyed_in_use(detail::lock_kind kind, void const* object,
                                                  char const* what) noexcept {
    report_destroyed_in_use(name_of(kind), object, what);
}

} // namespace fiber::rt
