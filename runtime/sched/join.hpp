// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// join.hpp: what a handle's owner may do with its fiber, one of these once: afterwards the record is not his
// any more.
#pragma once

#include "runtime/base/clock.hpp"

namespace fiber::rt {

class fiber;

// Waits for its end. The handle's pointer is null when that has come, and no sooner.
void join(fiber*& held) noexcept;
// False: the deadline came first, and the fiber is still the caller's.
[[nodiscard]] bool join_until(fiber&, clock::time_point deadline) noexcept;
// Never waits. False: it has not ended, and is still the caller's.
[[nodiscard]] bool join_if_ended(fiber&) noexcept;
void detach(fiber&) noexcept;

} // namespace fiber::rt
