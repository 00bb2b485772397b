// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/ready.hpp"

#include "runtime/sched/current.hpp"
#include "runtime/sched/hand_off.hpp"
#include "runtime/sched/publish.hpp"

#include <chrono>
#include <utility>

namespace fiber::rt {
namespace {

// noinline, so that run_next() has fewer registers to save.
[[gnu::noinline]] void run_next_without_processor(machine* m, fiber& g) noexcept {
    if (m != nullptr && &m->scheduler == g.scheduler && regain(*m))
        push_next(*m, g);
    else
        inject(*g.scheduler, fiber_list(g));
}

// Enqueues a runnable fiber before all others.
void run_next(fiber& g) noexcept {
    machine* const m = current_machine();
    stay_inside const hold(m);
    if (m != nullptr && &m->scheduler == g.scheduler && m->p != nullptr) [[likely]]
        push_next(*m, g);
    else
        run_next_without_processor(m, g);
}

} // namespace

void ready(fiber& g) noexcept {
    g.move(fiber_state::parked, fiber_state::runnable);
    run_next(g);
}

// Here the caller may run on for long, so `next` is no good place for g, unlike in [idle.next]. A
// searching machine takes g at no cost. To wake an idle machine takes some microseconds. It is
// woken only if g has waited for several times that.
void ready(fiber& g, clock::time_point waiting_since) noexcept {
    constexpr auto worth_a_wake = std::chrono::microseconds(20);
    idle_machines const& idle = g.scheduler->work.idle;
    if (!idle.wants_work() || (idle.count() != 0 && clock::now() - waiting_since < worth_a_wake)) {
        ready(g);
        return;
    }
    g.move(fiber_state::parked, fiber_state::runnable);
    inject(*g.scheduler, fiber_list(g));
}

void enqueue_back(scheduler& of, fiber_list&& list) noexcept {
    machine* const m = current_machine();
    stay_inside const hold(m);
    if (m != nullptr && &m->scheduler == &of && has_processor(*m)) {
        m->p->push_back(std::move(list));
        if (load_monitor::is_many(m->p->queued())) [[unlikely]]
            publish(*m); // [idle.next] is about a few fibers
        else
            publish_woken(*m);
    } else {
        inject(of, std::move(list));
    }
}

void inject(scheduler& of, fiber_list&& list) noexcept {
    of.closing.begin_visit(); // [close.visit]
    of.work.global.push(std::move(list));
    full_fence(); // [idle.wake] P2 is full: the caller may be no machine of this scheduler
    of.work.idle.wake_one();
    of.closing.end_visit(); // [close.visit] the scheduler may be destroyed here
}

} // namespace fiber::rt
