// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// join.hpp: what the owner of a handle can do with its fiber. One success ends the ownership:
// afterwards the record is no longer the caller's.
#pragma once

#include "runtime/base/platform/clock.hpp"

namespace fiber::rt {

class fiber;

// Blocks until the fiber has ended. Sets the handle's pointer to null then, and not before.
void join(fiber*& held) noexcept;
// Blocks until the fiber has ended or the deadline has passed. Returns false at the deadline; then the
// fiber is still the caller's.
[[nodiscard]] bool join_until(fiber&, clock::time_point deadline) noexcept;
// Never blocks. Returns false if the fiber has not ended; then it is still the caller's.
[[nodiscard]] bool join_if_ended(fiber&) noexcept;
void detach(fiber&) noexcept;

} // namespace fiber::rt
