// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// publish.hpp: publishes runnable fibers of a processor: P2 to P5 of [idle.wake] in idle.hpp. The caller is
// the machine of the processor.
#pragma once

#include "runtime/base/atomics/asymmetric_fence.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/scheduler.hpp"

namespace fiber::rt {

// Moves half of the waiting fibers to the global queue, which searching machines check first. Moves
// none if the global queue has fibers already: until a searching machine takes them, many more
// would be moved.
void share_half(machine&) noexcept;
// Shares fibers on request, or wakes a machine if there is more than one fiber. One fiber alone
// wakes none: [idle.next].
void publish_backlog(machine&) noexcept;
// Publishes fibers that were put into the processor because they were woken on it.
inline void publish_woken(machine& m) noexcept {
    light_fence();                                                                        // [idle.wake]
    if (m.scheduler.work.idle.wants_work() && !m.p->monitor.is_responsive()) [[unlikely]] // [idle.next]
        publish_backlog(m);
}
// Publishes other fibers that were put into the processor.
inline void publish(machine& m) noexcept {
    light_fence(); // [idle.wake]
    if (m.scheduler.work.idle.wants_work()) [[unlikely]]
        publish_backlog(m);
}
// Makes g the next fiber of the machine's processor. g is runnable, and in no queue.
inline void push_next(machine& m, fiber& g) noexcept {
    m.p->push_next(g);
    publish_woken(m);
}

} // namespace fiber::rt
