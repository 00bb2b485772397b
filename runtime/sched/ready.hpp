// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// ready.hpp: makes fibers runnable, and publishes them: P1 to P5 of [idle.wake] in idle.hpp.
#pragma once

#include "runtime/base/asymmetric_fence.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/scheduler.hpp"

namespace fiber::rt {

// ── called by any thread; never block, fail or allocate ──

// Makes a parked fiber runnable.
void ready(fiber&) noexcept;
// Does the same, but gives the fiber to a machine without work if there is one, as unpark() does.
void ready(fiber&, clock::time_point waiting_since) noexcept;
// Enqueues runnable fibers, which are in no queue, behind all others.
void enqueue_back(scheduler&, fiber_list&&) noexcept;
// Puts runnable fibers into the global queue, for a caller without a processor.
void inject(scheduler&, fiber_list&&) noexcept;

// ── called by a machine with a processor ──

// Shares fibers on request, or wakes a machine if there is more than one fiber. One fiber alone
// wakes none: [idle.next].
void publish_backlog(machine&) noexcept;
// Publishes fibers that were put into the processor because they were woken on it.
inline void publish_woken(machine& m) noexcept {
    light_fence();                                                                   // [idle.wake]
    if (m.scheduler.idle.wants_work() && !m.p->monitor.is_responsive()) [[unlikely]] // [idle.next]
        publish_backlog(m);
}
// Publishes other fibers that were put into the processor.
inline void publish(machine& m) noexcept {
    light_fence(); // [idle.wake]
    if (m.scheduler.idle.wants_work()) [[unlikely]]
        publish_backlog(m);
}
// Makes g the next fiber of the machine's processor. g is runnable, and in no queue.
inline void push_next(machine& m, fiber& g) noexcept {
    m.p->push_next(g);
    publish_woken(m);
}

} // namespace fiber::rt
