// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sleep.hpp"

#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/switch_fiber.hpp"
#include "runtime/sched/timers.hpp"
#include "runtime/time/timer_heap.hpp"
#include "runtime/wait_observer.hpp"

namespace fiber::rt {
namespace {

// Keeps little on the sleeper's stack: among very many sleepers, each cache line of a stack is a miss. The
// benchmark is perf/run --rivals, sleepers.
FIBER_PARKS void sleep_unobserved(clock::time_point deadline) noexcept {
    machine& m = *current_machine();
    timer alarm{.when = deadline, .key = ticket{m.running}};
    m.enter();
    if (deadline == never) {
        park_fiber(m, wait_reason::sleep, nullptr, nullptr, nullptr);
        return;
    }
    make_room_for_timer(m);
    // Once the timer is armed, the sleeper may go on, and the timer may be destroyed.
    auto const arm_it = [](void* t) noexcept { arm_timer(*current_machine(), *static_cast<timer*>(t)); };
    park_fiber(m, wait_reason::sleep, &alarm, arm_it, &alarm); // a dump reads when it is due
}

} // namespace

FIBER_PARKS void sleep_until(clock::time_point deadline) noexcept {
    observed_wait<sleep_unobserved>(wait_reason::sleep, nullptr, deadline);
}

} // namespace fiber::rt
