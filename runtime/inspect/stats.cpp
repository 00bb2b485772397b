// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/inspect/stats.hpp"

#include "runtime/base/atomics/membarrier.hpp"
#include "runtime/io/nowait.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/stack/hook_record.hpp"
#include "runtime/stack/stack_class.hpp"

#include <algorithm>

namespace fiber::rt {

runtime_stats stats(scheduler const& of) {
    runtime_stats s;
    s.fibers_live = of.live_fibers();
    s.fibers_runnable = of.runnable_fibers();
    s.processors = of.processors.active();
    s.machines = of.machines.made();
    s.handoffs = of.machines.hand_offs();
    s.heavy_fences = membarrier_count();
    for (auto const& each : of.processors.all()) {
        processor const& p = *each;
        s.switches += p.monitor.ticks.read();
        s.steals += p.shared_out.read() + p.stolen.read(); // each share given away is taken by another
        s.parks += p.parks.read();
        s.timers += p.timers.size();
        for (stack_cache const& stacks : p.idle.stacks)
            s.stack_bytes_cached += stacks.idle() * stacks.size_class().min_resident();
    }
    std::size_t in_hand = 0; // a guess: fibers that run, or are between a queue and a machine
    for (machine const* m = of.machines.first(); m != nullptr; m = m->next_made)
        in_hand += !m->is_asleep();
    s.fibers_parked = s.fibers_live - std::min(s.fibers_live, s.fibers_runnable + in_hand);
    auto const stacks = stack_class::totals();
    s.stack_bytes_reserved = stacks.bytes_reserved;
    s.stack_bytes_resident = stacks.bytes_resident;
    s.stack_bytes_cached += stacks.bytes_cached;
    s.nowait_refused = nowait_refused.load(std::memory_order_relaxed); // a count
    auto const refused = [](refusal why) {                             // relaxed: a count
        return hooked_calls.refused[static_cast<std::size_t>(why)].load(std::memory_order_relaxed);
    };
    s.hooked_parked = hooked_calls.parked.load(std::memory_order_relaxed); // a count
    s.hooked_under_lock = refused(refusal::lock);
    s.hooked_in_handler = refused(refusal::handler);
    s.hooked_in_vfork = refused(refusal::vfork);
    s.hooked_in_loader = refused(refusal::loader);
    s.hooked_off = refused(refusal::off);
    s.hooked_on_foreign_stack = refused(refusal::foreign_stack);
    return s;
}

} // namespace fiber::rt
