// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// misuse.hpp: fatal errors about objects that are used wrongly. Each report is one line that names
// the kind and address of the object, the mistake, and the fiber or OS thread that made it. Then
// the process aborts.
#pragma once

#include <fiber/detail/lock_kind.hpp>

namespace fiber::rt {

// Returns the name of the class in the API, for example "fiber::mutex".
[[nodiscard, gnu::cold]] char const* name_of(detail::lock_kind) noexcept;

[[noreturn, gnu::cold]] void report_misuse(char const* kind, void const* object, char const* what) noexcept;
[[noreturn, gnu::cold]] inline void report_misuse(detail::lock_kind kind, void const* object,
                                                  char const* what) noexcept {
    report_misuse(name_of(kind), object, what);
}

// Reports an object that is destroyed while it is used. Returns without a report if the object has
// static storage duration, or if exit() has begun: exit() destroys static objects, and what they
// own, while fibers that use them may still run.
[[gnu::cold]] void report_destroyed_in_use(char const* kind, void const* object, char const* what) noexcept;
[[gnu::cold]] inline void report_destroyed_in_use(detail::lock_kind kind, void const* object,
                                                  char const* what) noexcept {
    report_destroyed_in_use(name_of(kind), object, what);
}

} // namespace fiber::rt
