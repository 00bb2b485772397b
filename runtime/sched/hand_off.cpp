// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hand_off.cpp: how processors change their machine. A machine that is about to block gives its
// processor away; sysmon retakes the processor of a machine that is stuck; a machine without one
// takes it from an idle machine. A sleeping machine that gets a processor is then woken.

#include "runtime/sched/scheduler.hpp"

#include <utility>

namespace fiber::rt {

// Returns a spare or a new machine, which sleeps, has no processor, and is on no list. Returns null
// if there can be no more machines.
machine* scheduler::spare_or_new() noexcept {
    if (machine* const spare = idle.take_spare())
        return spare;
    return machines.try_make();
}

// Gives p to a machine that sleeps and is on no list.
void scheduler::give(processor& p, machine& to) noexcept {
    to.p = &p;
    p.set_owner(to);
}

void scheduler::hand_off(machine& m) noexcept {
    machine* const to = spare_or_new();
    if (to == nullptr)
        return;
    processor& p = *std::exchange(m.p, nullptr);
    machines.count_hand_off();
    bool const busy = p.waiting() != 0 || !p.timers.empty();
    give(p, *to);
    if (busy) {
        to->wake();
        return;
    }
    p.idle.return_idle_stacks();
    // There is no work, so `to` sleeps on as an idle machine. This thread runs S1 to S4 of
    // [idle.wake] for it. The check includes timers: a machine without a processor may have armed
    // some here.
    idle.enlist(*to);
    full_fence(); // [idle.wake] [sysmon.nap]
    sysmon.machine_idle();
    if (work_visible() == visible_work::nothing && p.timers.empty() && !processors.retired(p))
        return;
    if (idle.withdraw(*to)) {
        search_again(*to);
        to->wake();
    } else {
        idle.wake_one(); // `to` has lost its processor, or was woken
    }
}

bool scheduler::regain(machine& m) noexcept {
    processor* const p = idle.take_idle_processor();
    if (p == nullptr)
        return false;
    give(*p, m);
    end_computation(m);
    sysmon.machine_awake();
    return true;
}

// Tells sysmon that m no longer computes without a processor, if it did. m has a processor again, or
// has come to its scheduler context.
void scheduler::end_computation(machine& m) noexcept {
    if (std::exchange(m.computes_without_processor, false))
        sysmon.computation_ended();
}

// Gives p to another machine. sysmon calls it when the machine of p is stuck in a fiber's own code,
// and has been since p's tick count was `ticks`.
retaken scheduler::retake(processor& p, std::uint64_t ticks, stuck_in what) noexcept {
    machine* const to = spare_or_new();
    if (to == nullptr)
        return retaken::no_machine;
    machine* const from = p.owner();
    bool taken = false;
    auto const take = [&] {
        if (p.monitor.ticks.read() != ticks) // the machine has made progress since
            return;
        from->p = nullptr;
        from->computes_without_processor = what == stuck_in::a_computation;
        give(p, *to);
        taken = true;
    };
    if (from != nullptr)
        static_cast<void>(from->try_revoke(p, if_inside::wait_a_moment, take));
    if (taken) {
        if (what == stuck_in::a_computation)
            sysmon.computation_began();
        machines.count_hand_off();
        to->wake();
    } else {
        idle.add_spare(*to);
    }
    return taken ? retaken::yes : retaken::no;
}

// Sleeps as a spare until m is given a processor, or the scheduler stops.
void scheduler::park_spare(machine& m) noexcept {
    end_computation(m);
    idle.add_spare(m);
    // [stop] The list's lock is the fence: either stop() finds m on the list, or m sees stopping_.
    if (!stopping())
        static_cast<void>(sleep_until(m, never));
}

// Sleeps until wake() or the deadline. Every sleep of a machine passes here, because sysmon must
// learn of each wake-up, whatever its reason.
bool scheduler::sleep_until(machine& m, clock::time_point until) noexcept {
    if (m.pinned == nullptr)
        machines.set_signal_mask(); // a fiber may have left it changed
    m.asleep = true;
    bool const woken = m.sleep_until(until);
    m.asleep = false;
    sysmon.machine_awake();
    return woken;
}

} // namespace fiber::rt
