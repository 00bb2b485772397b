// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lease.hpp: what a taker does, [lease] in machine.hpp.
#pragma once

#include "runtime/base/cpu_relax.hpp"
#include "runtime/sched/scheduler.hpp"

#include <chrono>
#include <mutex>
#include <thread>

namespace fiber::rt {

// For one that has been claimed to step out. It may have lost its CPU, or be in a system call. Others may wait meanwhile for
// a lock that it holds, or for a lease: not for long.
inline void wait_a_moment_for(machine const& m) noexcept {
    for (int looks = 100; looks > 0 && m.inside(); --looks)
        cpu_relax();
    for (int naps = 5; naps > 0 && m.inside() && !m.asleep; --naps)
        std::this_thread::sleep_for(std::chrono::microseconds(20));
}

// Calls use(machine) while p's machine runs a fiber's own code and can neither come back nor change p. False,
// and nothing done: it is inside, or, for one who gives up then, somebody else is about to break a lease.
template <class Use>
bool scheduler::break_lease(processor& p, if_inside then, Use const& use) noexcept {
    machine* const m = p.owner();
    if (m == nullptr || m->asleep || (then == if_inside::give_up && m->inside()))
        return false;
    std::unique_lock hold(taking_, std::try_to_lock);
    if (!hold) {
        if (then == if_inside::give_up)
            return false;
        hold.lock();
    }
    m->claim();
    if (then == if_inside::wait_a_moment)
        wait_a_moment_for(*m);
    bool const taken = !m->inside() && m->p == &p; // [lease] else it has come back, or moved on to another
    if (taken)
        use(*m);
    m->unclaim();
    return taken;
}

} // namespace fiber::rt
