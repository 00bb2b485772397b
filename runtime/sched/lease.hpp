// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lease.hpp: what a taker does, [lease] in machine.hpp.
#pragma once

#include "runtime/sched/scheduler.hpp"

#include <mutex>

namespace fiber::rt {

// Calls use(machine) while p's machine runs a fiber's own code and can neither come back nor change p. False,
// and nothing done: it is inside, or somebody else is about to break a lease.
template <class Use>
bool scheduler::break_lease(processor& p, Use const& use) noexcept {
    machine* const m = p.owner();
    if (m == nullptr || m->inside())
        return false;
    std::unique_lock const hold(taking_, std::try_to_lock);
    if (!hold)
        return false;
    m->claim();
    bool const taken = !m->inside() && m->p == &p; // [lease] else it has come back, or moved on to another
    if (taken)
        use(*m);
    m->unclaim();
    return taken;
}

} // namespace fiber::rt
