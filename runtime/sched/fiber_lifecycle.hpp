// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber_lifecycle.hpp: takes records of fibers, starts fibers, and gives the records back.
#pragma once

#include "runtime/base/process/assert.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/processor.hpp"

namespace fiber::rt {

class scheduler;

// ── called by any thread ──

// Returns a fiber record that has a credit for a stack, or the stack itself. Throws std::system_error or
// std::bad_alloc.
[[nodiscard]] fiber& new_fiber(scheduler&, attributes const&);
// Does the same. The stack is as large as a thread's, unless the attributes name a size.
[[nodiscard]] fiber& new_thread(scheduler&, attributes const&);
// Starts a new fiber in its scheduler.
void start_fiber(fiber&) noexcept;
// Takes back a record that was never started.
void abandon_fiber(fiber&) noexcept;
// Takes back the record of a dead fiber.
void recycle_fiber(fiber&) noexcept;

// ── called by a machine with a processor ──

inline void recycle_fiber(machine& m, fiber& g) noexcept {
    FIBER_ASSERT(g.state == fiber_state::dead && g.stack == nullptr);
    g.scheduler = nullptr;
    m.p->idle.fibers.give(g);
}

} // namespace fiber::rt
