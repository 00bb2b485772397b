// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/hand_off.hpp"

#include "runtime/sched/coarse_clock.hpp"
#include "runtime/sched/freeze.hpp"
#include "runtime/sched/scheduler.hpp"

#include <utility>

namespace fiber::rt {

machine* spare_or_new(scheduler& of) noexcept {
    if (machine* const spare = of.work.idle.take_spare())
        return spare;
    return of.machines.try_make();
}

void give(processor& p, machine& to) noexcept {
    to.p = &p;
    p.set_owner(to);
}

void give_and_wake(machine& m, machine& to) noexcept {
    give(*std::exchange(m.p, nullptr), to);
    m.scheduler.machines.count_hand_off();
    to.wake();
}

void hand_off(machine& m) noexcept {
    scheduler& of = m.scheduler;
    machine* const to = spare_or_new(of);
    if (to == nullptr)
        return;
    processor& p = *std::exchange(m.p, nullptr);
    of.machines.count_hand_off();
    bool const busy = p.waiting() != 0 || !p.timers.empty();
    give(p, *to);
    if (busy) {
        to->wake();
        return;
    }
    p.idle.return_idle_stacks();
    // There is no work, so `to` sleeps on as an idle machine. This thread runs S1 to S4 of
    // [idle.wake] for it. The check includes timers: a machine without a processor may have armed
    // some here. It includes the watch: m may have been the only machine that polled [poller.watch].
    of.work.idle.enlist(*to);
    full_fence(); // [idle.wake] [sysmon.nap] [poller.watch]
    of.sysmon.machine_idle();
    if (of.work.work_visible() == visible_work::nothing && p.timers.empty() && !of.processors.retired(p) &&
        !of.work.lacks_watcher())
        return;
    if (of.work.idle.withdraw(*to)) {
        of.work.search_again(*to);
        to->wake();
    } else {
        of.work.idle.wake_one(); // `to` has lost its processor, or was woken
    }
}

bool regain(machine& m) noexcept {
    processor* const p = m.scheduler.work.idle.take_idle_processor();
    if (p == nullptr)
        return false;
    give(*p, m);
    end_computation(m);
    m.scheduler.sysmon.ensure_awake();
    return true;
}

void end_computation(machine& m) noexcept {
    if (std::exchange(m.computes_without_processor, false))
        m.scheduler.sysmon.computation_ended();
}

retaken retake(scheduler& of, processor& p, std::uint64_t ticks, stuck_in what) noexcept {
    machine* const to = spare_or_new(of);
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
            of.sysmon.computation_began();
        of.machines.count_hand_off();
        to->wake();
    } else {
        of.work.idle.add_spare(*to);
    }
    return taken ? retaken::yes : retaken::no;
}

void park_spare(machine& m) noexcept {
    end_computation(m);
    m.scheduler.work.idle.add_spare(m);
    // [stop] The list's lock is the fence: either stop() finds m on the list, or m sees stopping_.
    if (!m.scheduler.stopping())
        static_cast<void>(sleep_until(m, never));
}

bool sleep_until(machine& m, clock::time_point until) noexcept {
    if (m.pinned == nullptr)
        m.scheduler.machines.set_signal_mask(); // a fiber may have left it changed
    m.set_asleep(true);
    bool const woken = m.sleep_until(until);
    end_sleep(m);
    return woken;
}

clock::time_point end_sleep(machine& m) noexcept {
    m.set_asleep(false);
    auto const now = clock::now();
    coarse_clock::set(now); // sysmon may have slept, too
    wait_while_frozen(m);
    m.scheduler.sysmon.ensure_awake();
    return now;
}

} // namespace fiber::rt
