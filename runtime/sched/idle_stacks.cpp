// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/idle_stacks.hpp"

#include "runtime/sched/current.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/remote_resources.hpp"
#include "runtime/sched/scheduler.hpp"

#include <algorithm>
#include <array>
#include <sched.h>
#include <tuple>

namespace fiber::rt {
namespace {

// Moves p's idle stacks to the depot. Returns true if none are left in p's caches. The depot has a lock:
// stacks go there only when the lease is whole again, see [lease].
bool return_idle_stacks(processor& p) noexcept {
    auto& caches = p.idle.stacks;
    if (std::all_of(caches.begin(), caches.end(), [](stack_cache const& c) { return c.idle() == 0; }))
        return true;
    machine* const owner = p.owner();
    if (owner == nullptr)
        return false;
    std::array<stack*, std::tuple_size_v<decltype(p.idle.stacks)>> taken{};
    bool const revoked = owner->try_revoke(p, if_inside::give_up, [&] {
        std::transform(caches.begin(), caches.end(), taken.begin(),
                       [](stack_cache& c) { return c.take_all(); });
    });
    for (stack* const list : taken)
        if (list != nullptr)
            list->size_class.give(list);
    return revoked;
}

void return_all_idle_stacks(scheduler& of) noexcept {
    constexpr int attempts = 1000; // a machine is inside for less than 1 µs at a time unless it lost its CPU
    {
        machine* const m = current_machine();
        if (m != nullptr) {
            entered const inside(*m);
            if (m->p != nullptr) // of this runtime or another one
                m->p->idle.return_idle_stacks();
        }
    }
    for (auto const& p : of.processors.all())
        for (int left = attempts; left > 0 && !return_idle_stacks(*p); --left)
            ::sched_yield();
    std::lock_guard const hold(of.remote->lock);
    of.remote->idle.return_idle_stacks();
}

} // namespace

void trim(scheduler& of) noexcept {
    if (!of.is_from_parent()) // [fork] in a child, the state of the caches is unknown
        return_all_idle_stacks(of);
    stack_class::trim_all();
}

void age_stacks(scheduler& of, clock::time_point now) noexcept {
    if (!stack_class::ageing_is_due(now))
        return;
    for (auto const& p : of.processors.all())
        static_cast<void>(return_idle_stacks(*p));
    if (std::unique_lock const hold(of.remote->lock, std::try_to_lock); hold)
        of.remote->idle.return_idle_stacks();
    stack_class::age_all(now);
}

} // namespace fiber::rt
