// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadlock.hpp: notices that nothing can ever run again.
//
// A deadlock is certain if, at one moment,
//   - every fiber of every runtime is parked, and no fiber or OS thread waits for a descriptor;
//   - no processor has a timer;
//   - every OS thread of the process that is not the library's waits in the library, without a deadline.
//   Then nothing is left that could wake anybody. The facts are read one after the other. Two looks, 10 ms
//   apart, find them all true, and all counts of switches and waits unchanged. Whatever was parked at both
//   looks has been parked in between, since it cannot have run without being counted.
//   Signal handlers and timers of the kernel are not looked at.
#pragma once

namespace fiber::rt {

// Called by each runtime that is made. The first call of the process reads FIBER_DEADLOCK: abort, warn or
// off.
void watch_for_deadlocks() noexcept;

} // namespace fiber::rt
