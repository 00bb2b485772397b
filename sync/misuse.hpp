// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// misuse.hpp: what destructors say of objects that are still in use.
#pragma once

namespace fiber::rt {

// One line that begins with the kind and address of the object, then abort. Returns if the object has static
// storage duration: those are destroyed when the process exits, while fibers that use them may still run and
// are dropped.
[[gnu::cold]] void destroyed_in_use(char const* kind, void const* object, char const* how) noexcept;

} // namespace fiber::rt
