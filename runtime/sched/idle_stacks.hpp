// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// idle_stacks.hpp: moves idle stacks from the processors' caches to the depot, which returns their
// memory to the kernel, by age or at once.
//   a processor …   returns its idle stacks …
//   falls asleep    by its own machine, before the machine sleeps
//   is busy         when ageing is due, or trim() is called. Its lease is revoked if its machine is outside
//                   of the runtime. If the machine is inside, it is using the stacks; a later try takes
//                   them
#pragma once

#include "runtime/base/platform/clock.hpp"

namespace fiber::rt {

class scheduler;

// Returns all idle stacks' memory to the kernel. Called by any thread.
void trim(scheduler&) noexcept;
// Returns the memory of stacks that have been idle for long, if that is due. sysmon calls it.
void age_stacks(scheduler&, clock::time_point now) noexcept;

} // namespace fiber::rt
