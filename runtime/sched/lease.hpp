// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lease.hpp: how a taker revokes a lease, T1 to T4 of [lease] in machine.hpp.
#pragma once

#include "runtime/sched/scheduler.hpp"

#include <mutex>

namespace fiber::rt {

// Calls use(machine) while p's machine runs a fiber's own code: the machine can neither enter the
// runtime nor change p. Returns false, and does nothing, if the machine is inside or asleep. With
// if_inside::give_up, also returns false if another taker is revoking a lease. `use` takes no lock:
// [lease].
template <class Use>
bool scheduler::try_revoke(processor& p, if_inside then, Use const& use) noexcept {
    std::unique_lock hold(revocation_lock_, std::defer_lock);
    if (then == if_inside::wait_a_moment)
        hold.lock();
    else if (!hold.try_lock())
        return false;
    machine* const m = p.owner();
    if (m == nullptr || m->asleep || (then == if_inside::give_up && m->inside()))
        return false;
    m->begin_revocation();
    if (then == if_inside::wait_a_moment)
        m->wait_until_outside();
    bool const taken = !m->inside() && m->p == &p; // [lease] else m is inside, or has another processor
    if (taken)
        use(*m);
    m->end_revocation();
    return taken;
}

} // namespace fiber::rt
