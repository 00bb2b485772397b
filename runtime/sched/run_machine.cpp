// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/run_machine.hpp"

#include "runtime/sched/current.hpp"
#include "runtime/sched/hand_off.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/sched/switch_fiber.hpp"
#include "runtime/stack/kind.hpp"
#include "runtime/stack/signal_stack.hpp"

#include "asm/switch/floating_point.hpp"

#include <unistd.h>

namespace fiber::rt {

void run_machine(machine& m) noexcept {
    signal_stack const for_overflows;
    set_current_machine(&m);
    m.thread.find();
    m.thread_id = ::gettid();
    m.scheduler_context.sanitizer.adopt_thread();
    arch::begin_floating_point();
    begin_running_fibers();
    static_cast<void>(sleep_until(m, never)); // until the maker gives it a processor or another task
    while (fiber* const g = m.scheduler.work.find_runnable(m))
        switch_to_fiber(m, m.scheduler_context, *g, nullptr, nullptr);
    end_running_fibers();
    set_current_machine(nullptr);
}

} // namespace fiber::rt
