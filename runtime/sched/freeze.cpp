// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/freeze.hpp"

#include "runtime/sched/current.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/scheduler.hpp"

#include <sched.h>

namespace fiber::rt {

bool freeze::begin(clock::duration limit) noexcept {
    machine_pool& all = of_.machines;
    all.revocation_lock().lock();
    holds_ = true;
    all.frozen.store(true, std::memory_order_relaxed); // relaxed: the fence orders it
    machine const* const me = current_machine();
    for (machine* m = all.first(); m != nullptr; m = m->next_made)
        if (m != me)
            m->lease.begin_claim();
    heavy_fence(); // [freeze]
    if (all_stand_still(clock::now() + limit))
        return true;
    end();
    return false;
}

bool freeze::all_stand_still(clock::time_point until) noexcept {
    constexpr int spins = 100;
    machine const* const me = current_machine();
    for (machine const* m = of_.machines.first(); m != nullptr; m = m->next_made) {
        if (m == me)
            continue;
        has_stopped_any_ |= !m->is_asleep();
        // acquire, in inside(): what the machine has written to stacks and records is visible.
        for (int i = 0; m->lease.inside() && !m->is_asleep();) {
            if (++i < spins) {
                cpu_relax();
            } else if (clock::now() < until) {
                ::sched_yield(); // the machine may wait for this CPU
            } else {
                return false;
            }
        }
    }
    return true;
}

void freeze::end() noexcept {
    if (!holds_)
        return;
    holds_ = false;
    machine_pool& all = of_.machines;
    all.frozen.store(false, std::memory_order_release); // [freeze] machines may change what was read
    for (machine* m = all.first(); m != nullptr; m = m->next_made)
        m->lease.end_claim();
    all.revocation_lock().unlock();
}

bool holds_up_any(scheduler const& of) noexcept {
    for (machine const* m = of.machines.first(); m != nullptr; m = m->next_made)
        if (m->lease.is_held_up())
            return true;
    return false;
}

void wait_while_frozen(machine& m) noexcept {
    machine_pool& all = m.scheduler.machines;
    light_fence();                                       // [freeze]
    while (all.frozen.load(std::memory_order_acquire)) { // [freeze]
        m.set_asleep(true);
        m.lease.set_held_up(true);
        all.revocation_lock().lock(); // waits for the freezing thread
        all.revocation_lock().unlock();
        m.set_asleep(false);
        light_fence(); // [freeze]
    }
    m.lease.set_held_up(false);
}

} // namespace fiber::rt
