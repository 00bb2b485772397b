// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hand_off.hpp: how processors change their machine. A machine that is about to block gives its processor
// away. sysmon retakes the processor of a machine that is stuck. A machine without a processor takes one
// from an idle machine. A sleeping machine that gets a processor is then woken.
#pragma once

#include "runtime/base/platform/clock.hpp"
#include "runtime/sched/machine.hpp"

#include <cstdint>

namespace fiber::rt {

class processor;
class scheduler;

// ── called by a fiber, on its own stack, or in its commit function ──

// Gives the machine's processor to another machine. Does nothing if no other machine can be had.
void hand_off(machine&) noexcept;
// [idle.take] Takes a processor from an idle machine. Returns false if there is none. Never blocks.
[[nodiscard]] bool regain(machine&) noexcept;
// [idle.take] Returns true if the machine has a processor, or has just taken one from an idle
// machine. Never blocks.
[[nodiscard]] inline bool has_processor(machine& m) noexcept { return m.p != nullptr || regain(m); }

// ── called by sysmon ──

enum class stuck_in { the_kernel, a_computation };
enum class retaken { yes, no, no_machine };
// Gives p to another machine. The machine of p is stuck in a fiber's own code, and has been since p's tick
// count was `ticks`.
[[nodiscard]] retaken retake(scheduler&, processor& p, std::uint64_t ticks, stuck_in) noexcept;

// ── called in the scheduler context, or by a thread that holds the other machine ──

// Gives p to a machine that sleeps and is on no list.
void give(processor& p, machine&) noexcept;
// Gives m's processor to a machine that sleeps and is on no list, and wakes it.
void give_and_wake(machine& m, machine& to) noexcept;
// Returns a spare or a new machine, which sleeps, has no processor, and is on no list. Returns null
// if there can be no more machines.
[[nodiscard]] machine* spare_or_new(scheduler&) noexcept;
// Tells sysmon that m no longer computes without a processor, if it did. m has a processor again, or
// has come to its scheduler context.
void end_computation(machine&) noexcept;
// Sleeps as a spare until m is given a processor, or the scheduler stops.
void park_spare(machine&) noexcept;
// Sleeps until wake() or the deadline. Returns false at the deadline. Every sleep of a machine passes
// here, because sysmon must learn of each wake-up, whatever its reason.
[[nodiscard]] bool sleep_until(machine&, clock::time_point until) noexcept;
// Ends a sleep, after which the machine may run fibers again: [freeze]. It is a full fence. Returns the time.
clock::time_point end_sleep(machine&) noexcept;

} // namespace fiber::rt
