// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// alarms.hpp: chan/alarm.hpp and own_fiber.hpp once more, where the schedule decides when an alarm fires, and
// which one first.
#pragma once

namespace tests {

// What the clock's fiber does: it never ends. To be run beside the others; before each run no alarm is armed.
void ring_alarms();
void forget_alarms() noexcept;

// The same for what call_in_own_fiber is to call: one after the other, as nothing that is called waits.
void call_for_others();

} // namespace tests
