// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// join.hpp: how a fiber's end meets the owner of its handle: join_state.hpp.
#pragma once

#include "runtime/base/platform/clock.hpp"

namespace fiber::rt {

class fiber;
struct machine;

// ── called by the owner of a handle. One success ends the ownership: afterwards the record is no longer
// the caller's ──

// Blocks until the fiber has ended. Sets the handle's pointer to null then, and not before.
void join(fiber*& held) noexcept;
// Blocks until the fiber has ended or the deadline has passed. Returns false at the deadline; then the
// fiber is still the caller's.
[[nodiscard]] bool join_until(fiber&, clock::time_point deadline) noexcept;
// Never blocks. Returns false if the fiber has not ended; then it is still the caller's.
[[nodiscard]] bool join_if_ended(fiber&) noexcept;
void detach(fiber&) noexcept;

// ── called by the machine of a fiber that ends ──

// Completes the end of g, after all else is done. Recycles the record, or leaves it to the owner of the
// handle or to the joiner.
void complete(machine&, fiber& g) noexcept;

} // namespace fiber::rt
