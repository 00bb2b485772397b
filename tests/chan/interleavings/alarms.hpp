// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// alarms.hpp: implements chan/alarm.hpp and own_fiber.hpp for the tests. The schedule decides when an
// alarm fires, and which alarm is first.
#pragma once

namespace tests {

// The function of the clock's fiber, which never ends. It runs beside the other fibers. No alarm is armed
// before a run.
void ring_alarms();
void forget_alarms() noexcept;

// The function of a fiber that runs the calls of call_in_own_fiber, one after the other: none of them waits.
void call_for_others();

} // namespace tests
