// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// scheduler.cpp: starts the scheduler, and makes fibers runnable.

#include "runtime/sched/scheduler.hpp"

#include "runtime/sched/hand_off.hpp"

#include "runtime/base/env.hpp"
#include "runtime/base/fatal.hpp"
#include "runtime/base/rseq.hpp"
#include "runtime/fault/overflow.hpp"
#include "runtime/sched/remote_resources.hpp"
#include "runtime/sched/run_machine.hpp"

#include <chrono>
#include <optional>
#include <stdexcept>

namespace fiber::rt {
namespace {

std::optional<std::size_t> stack_size_of_environment() {
    return env_size("FIBER_STACK_SIZE", min_stack_size, max_stack_size);
}

stack_class& default_stacks(runtime_options const& options) {
    if (options.stack_size != 0)
        return stack_class::of_size(options.stack_size);
    auto const size = stack_size_of_environment();
    return size ? stack_class::of_size(*size) : stack_class::default_class();
}

// Returns the stacks of fiber::thread, jthread and async: the code that they run expects the stack
// of a thread. If the default stacks are larger, these fibers get the default stacks.
stack_class& stacks_like_threads(runtime_options const& options) {
    std::size_t const size = stack_size_of_environment().value_or(thread_stack_size());
    stack_class& wanted = size < min_stack_size ? stack_class::default_class() : stack_class::of_size(size);
    stack_class& usual = default_stacks(options);
    return wanted.size() > usual.size() ? wanted : usual;
}

} // namespace

scheduler::scheduler(runtime_options const& options)
    : scheduler(options, default_stacks(options), stacks_like_threads(options)) {}

scheduler::scheduler(runtime_options const& options, stack_class& default_stacks, stack_class& thread_stacks)
    : processors(*this, default_stacks, thread_stacks),
      remote_(new remote_resources(default_stacks, thread_stacks)),
      machines(*this, run_machine, options.max_machines), sysmon(*this) {
    choose_fences();
    choose_rseq();
    watch_for_overflows();
    try {
        if (options.max_machines == 0)
            throw std::invalid_argument("fiber: max_machines is 0; each processor needs a machine");
        machines.start();
        processors.start(options.processors);
        sysmon.start();
    } catch (...) {
        stop();
        throw;
    }
}

void scheduler::make_room_for_timer(machine& m) noexcept {
    if (has_processor(m))
        m.p->timers.make_room();
}

void scheduler::arm(machine& m, timer& t) noexcept {
    if (m.p != nullptr) [[likely]] {
        m.p->timers.arm(t);
        return;
    }
    // The timer goes to processor 0. The machine of that processor sees the timer at its next poll.
    // If it has read its timers already and is about to sleep, it is woken to read them again. If
    // the timer is not the earliest, the machine wakes up before.
    processor& p = *processors.all().front(); // never retires
    if (!p.timers.arm_from_elsewhere(t))      // t may be destroyed here
        return;
    full_fence(); // [idle.wake]
    if (machine* const owner = p.owner(); owner != nullptr && idle.withdraw(*owner, p))
        owner->wake();
}

// ── fibers become runnable ──

void scheduler::ready(fiber& g) noexcept {
    g.move(fiber_state::parked, fiber_state::runnable);
    run_next(g);
}

// Here the caller may run on for long, so `next` is no good place for g, unlike in [idle.next]. A
// searching machine takes g at no cost. To wake an idle machine takes some microseconds. It is
// woken only if g has waited for several times that.
void scheduler::ready(fiber& g, clock::time_point waiting_since) noexcept {
    constexpr auto worth_a_wake = std::chrono::microseconds(20);
    if (!idle.wants_work() || (idle.count() != 0 && clock::now() - waiting_since < worth_a_wake)) {
        ready(g);
        return;
    }
    g.move(fiber_state::parked, fiber_state::runnable);
    inject(fiber_list(g));
}

// Called by a fiber's own code, or by an OS thread.
void scheduler::start(fiber& g) noexcept {
    g.move(fiber_state::dead, fiber_state::runnable);
    machine* const m = current_machine();
    if (m != nullptr && &m->scheduler == this) [[likely]] {
        entered const inside(*m);
        if (has_processor(*m)) [[likely]] {
            ++m->p->started;
            m->p->push_spawned(g);
            publish(*m);
            return;
        }
    }
    remote_->count_started();
    inject(fiber_list(g));
}

void scheduler::run_next(fiber& g) noexcept {
    machine* const m = current_machine();
    stay_inside const hold(m);
    if (m != nullptr && &m->scheduler == this && m->p != nullptr) [[likely]]
        push_next(*m, g);
    else
        run_next_without_processor(m, g);
}

// noinline, so that run_next() has fewer registers to save.
[[gnu::noinline]] void scheduler::run_next_without_processor(machine* m, fiber& g) noexcept {
    if (m != nullptr && &m->scheduler == this && regain(*m))
        push_next(*m, g);
    else
        inject(fiber_list(g));
}

void scheduler::enqueue_back(fiber_list&& list) noexcept {
    machine* const m = current_machine();
    stay_inside const hold(m);
    if (m != nullptr && &m->scheduler == this && has_processor(*m)) {
        m->p->push_back(std::move(list));
        publish_woken(*m);
    } else {
        inject(std::move(list));
    }
}

// Shares fibers on request, or wakes a machine if there is more than one fiber. One fiber alone
// wakes none: [idle.next].
void scheduler::publish_backlog(machine& m) noexcept {
    if (m.p->share_requested())
        share_half(m);
    else if (m.p->waiting() > 1)
        idle.wake_one();
}

// Puts fibers into the global queue, for a caller without a processor.
// [close.visit] Once the fibers are in the queue, they may run and end, and the scheduler's
// destructor may go on. Therefore the caller counts itself in visitors_ while the fibers still keep
// the scheduler alive. The destructor waits until visitors_ is 0.
void scheduler::inject(fiber_list&& list) noexcept {
    visitors_.fetch_add(1, std::memory_order_relaxed); // the queue's lock orders it before the fibers' ends
    global.push(std::move(list));
    full_fence(); // [idle.wake] P2 is full: the caller may be no machine of this scheduler
    idle.wake_one();
    visitors_.fetch_sub(1, std::memory_order_release); // [close.visit] *this may be destroyed here
}

} // namespace fiber::rt
