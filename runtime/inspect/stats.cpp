// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stats.cpp: counts for runtime::stats().

#include "runtime/base/atomics/membarrier.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/stack/stack_class.hpp"

#include <algorithm>

namespace fiber::rt {

std::size_t scheduler::runnable_fibers() const noexcept {
    std::size_t n = global_.size();
    for (unsigned i = 0, made = made_.load(std::memory_order_acquire); i < made; ++i) // [made]
        n += processors_[i]->waiting();
    return n;
}

runtime_stats scheduler::stats() const {
    runtime_stats s;
    s.fibers_live = live_fibers();
    s.fibers_runnable = runnable_fibers();
    s.processors = processors();
    s.machines = machines_made_.load(std::memory_order_relaxed); // relaxed: a statistic
    s.handoffs = handoffs_.load(std::memory_order_relaxed);      // relaxed: a statistic
    s.heavy_fences = membarrier_count();
    unsigned const made = made_.load(std::memory_order_acquire); // [made]
    for (unsigned i = 0; i < made; ++i) {
        processor const& p = *processors_[i];
        s.switches += p.monitor.ticks.read();
        s.steals += p.shared_out.read() + p.stolen.read(); // each share given away is taken by another
        s.parks += p.parks.read();
        s.timers += p.timers.size();
        for (stack_cache const& stacks : p.idle.stacks)
            s.stack_bytes_cached += stacks.idle() * stacks.size_class().min_resident();
    }
    std::size_t in_hand = 0; // a guess: fibers that run, or are between a queue and a machine
    for (machine const* m = first_machine(); m != nullptr; m = m->next_made)
        in_hand += !m->asleep;
    s.fibers_parked = s.fibers_live - std::min(s.fibers_live, s.fibers_runnable + in_hand);
    auto const stacks = stack_class::totals();
    s.stack_bytes_reserved = stacks.bytes_reserved;
    s.stack_bytes_resident = stacks.bytes_resident;
    s.stack_bytes_cached += stacks.bytes_cached;
    return s;
}

} // namespace fiber::rt
