// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// idle_stacks.cpp: how the memory of idle stacks gets from the processors' caches to the depot, which gives it back
// to the kernel: by age, or at once.
//   a processor       has its idle stacks returned
//   falls asleep      by its own machine, before it sleeps
//   is busy           when ageing is due, or trim() is called: under a broken lease, if it stands outside of the
//                     runtime. Otherwise some other time: it is using them

#include "runtime/sched/lease.hpp"
#include "runtime/sched/outsiders.hpp"
#include "runtime/sched/scheduler.hpp"

namespace fiber::rt {

void scheduler::trim() noexcept {
    if (!stayed_behind()) // [fork] else nobody can tell what state its caches are in
        return_all_idle_stacks();
    stack_class::trim_all();
}

void scheduler::return_all_idle_stacks() noexcept {
    {
        machine* const m = current_machine();
        stay_inside const inside(m);
        if (m != nullptr && m->p != nullptr) // of this runtime or another one
            m->p->idle.stacks.return_idle();
    }
    unsigned const n = made_.load(std::memory_order_acquire); // [made]
    for (unsigned i = 0; i < n; ++i)
        return_idle_stacks(*processors_[i], if_inside::wait_a_moment);
    std::lock_guard const hold(outsiders_->lock);
    outsiders_->idle.stacks.return_idle();
}

void scheduler::age_stacks(clock::time_point now) noexcept {
    if (!stack_class::ageing_is_due(now))
        return;
    unsigned const n = made_.load(std::memory_order_acquire); // [made]
    for (unsigned i = 0; i < n; ++i)
        return_idle_stacks(*processors_[i], if_inside::give_up); // some other time
    if (std::unique_lock const hold(outsiders_->lock, std::try_to_lock); hold)
        outsiders_->idle.stacks.return_idle();
    stack_class::age_all(now);
}

void scheduler::return_idle_stacks(processor& p, if_inside otherwise) noexcept {
    stack_cache& stacks = p.idle.stacks;
    if (stacks.idle() != 0)
        static_cast<void>(break_lease(p, otherwise, [&](machine&) { stacks.return_idle(); }));
}

} // namespace fiber::rt
