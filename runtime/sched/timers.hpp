// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// timers.hpp: sets the deadlines of parking fibers, and wakes the fibers of expired timers.
#pragma once

namespace fiber::rt {

class processor;
struct machine;
struct timer;

// ── called for a parking fiber ──

// Called inside, before the fiber parks.
void make_room_for_timer(machine&) noexcept;
// Called in the commit function.
void arm_timer(machine&, timer&) noexcept;

// ── called in the scheduler context ──

// Makes the fibers of expired timers of a processor runnable on m's processor. Returns true if a timer has
// expired.
bool run_timers(machine& m, processor& of) noexcept;

} // namespace fiber::rt
