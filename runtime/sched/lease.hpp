// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lease.hpp: how a lease is revoked, [lease] in machine.hpp.
#pragma once

#include "runtime/sched/scheduler.hpp"

#include <mutex>

namespace fiber::rt {

// Calls use(machine) while p's machine runs a fiber's own code and can neither come back nor change p. False,
// and nothing done: it is inside, or, for one who gives up then, somebody else is about to break a lease. `use` takes no
// lock: [lease].
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
    bool const taken = !m->inside() && m->p == &p; // [lease] else it has come back, or moved on to another
    if (taken)
        use(*m);
    m->end_revocation();
    return taken;
}

} // namespace fiber::rt
