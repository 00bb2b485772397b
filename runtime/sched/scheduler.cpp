// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// scheduler.cpp: puts fibers on machines and takes them off: park, yield, the body of every stack,
// and the functions that make a fiber runnable.

#include "runtime/sched/scheduler.hpp"

#include "runtime/base/process/fatal.hpp"
#include "runtime/local_table.hpp"
#include "runtime/sched/name.hpp"
#include "runtime/sched/overflow_report.hpp"
#include "runtime/sched/remote_resources.hpp"

#include "asm/call/outermost_call.hpp"
#include "asm/call/return.hpp"
#include "asm/switch/floating_point.hpp"

#include <chrono>
#include <cstdlib>

namespace fiber::rt {

// ── a fiber gets on a machine and off it ──

FIBER_RETURN_FROM_SWITCH void scheduler::park(machine& m, wait_reason why, void const* what,
                                              arch::commit_function commit, void* argument) noexcept {
    fiber& g = *m.running;
    g.why = why;
    g.what = what;
    g.move(fiber_state::running, fiber_state::parked);
    // A machine without a processor must not wait for one here: the fiber may hold the lock that
    // commit releases.
    fiber* to = nullptr;
    if (has_processor(m)) [[likely]] {
        ++m.p->parks;
        to = g.pinned ? nullptr : take_near(m);
    }
    switch_away(m, g.stack->context, to, commit, argument);
    current_machine()->leave(); // g may be on another machine
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
    processor& p = *processors_[0];      // never retires
    if (!p.timers.arm_from_elsewhere(t)) // t may be destroyed here
        return;
    full_fence(); // [idle.wake]
    if (machine* const owner = p.owner(); owner != nullptr && idle_.withdraw(*owner, p))
        owner->wake();
}

// The fiber is queued before it has left its stack. That is safe: only this machine reads the
// queue, and not before the switch. No machine is woken, because the number of fibers in the queue
// stays the same: [idle.next]
void scheduler::yield(machine& m) noexcept {
    m.enter();
    fiber& g = *m.running;
    fiber* const next =
        m.p != nullptr && !g.pinned ? m.p->rotate_fast<processor::rotation::plain>(g) : nullptr;
    if (next != nullptr) [[likely]]
        yield_in_turn(m, g, *next);
    else
        yield_otherwise(m, g);
}

[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH void scheduler::yield_in_turn(machine& m, fiber& g,
                                                                         fiber& next) noexcept {
    g.move(fiber_state::running, fiber_state::runnable);
    switch_to_stack(m, g.stack->context, next, nullptr, nullptr);
    current_machine()->leave(); // g may be on another machine
}

FIBER_RETURN_FROM_SWITCH void scheduler::yield_to(machine& m, fiber& g, fiber* next) noexcept {
    g.move(fiber_state::running, fiber_state::runnable);
    switch_away(m, g.stack->context, unless_pinned(m, next), nullptr, nullptr);
    current_machine()->leave(); // g may be on another machine
}

// noinline, so that yield() has no registers to save.
[[gnu::noinline]] void scheduler::yield_otherwise(machine& m, fiber& g) noexcept {
    if (m.p == nullptr || g.pinned) {
        if (m.p == nullptr || m.scheduler.has_other_work(m))
            yield_slow(m, g);
        current_machine()->leave();
        return;
    }
    if (fiber* const next = m.p->rotate_fast<processor::rotation::fetching>(g)) {
        yield_in_turn(m, g, *next);
        return;
    }
    fiber* const next = take_near(m);
    if (next == nullptr && !m.scheduler.has_other_work(m)) {
        ++m.p->monitor.ticks; // so that a fiber that yields to no other polls now and then
        m.leave();
        return;
    }
    m.p->push_back(g);
    yield_to(m, g, next);
}

// Yields by way of the global queue and the scheduler context. There the machine gets a processor
// again, or, if it is pinned, its fiber.
void scheduler::yield_slow(machine& m, fiber& g) noexcept {
    g.move(fiber_state::running, fiber_state::runnable);
    auto const put_back = [](void* self) noexcept {
        auto& yielding = *static_cast<fiber*>(self);
        current_machine()->scheduler.inject(fiber_list(yielding));
    };
    switch_away(m, g.stack->context, nullptr, put_back, &g);
}

// Enters the runtime, and returns the caller's machine with a processor. May wait for a processor,
// so the caller holds no lock.
inline machine& scheduler::enter_with_processor() noexcept {
    machine& m = *current_machine();
    m.enter();
    return m.p != nullptr ? m : wait_for_processor();
}

machine& scheduler::wait_for_processor() noexcept {
    machine* m = current_machine();
    while (!has_processor(*m)) {
        yield_slow(*m, *m->running);
        m = current_machine();
    }
    return *m;
}

// Returns true if there may be work that only the scheduler context finds.
bool scheduler::has_other_work(machine const& m) const noexcept {
    return m.deferred != nullptr || m.p->waiting() != 0 || !m.p->timers.empty() || !global_.empty() ||
           retired(*m.p) || (m.p->time_to_poll() && poller_.load(std::memory_order_relaxed) != nullptr);
}

// Returns a fiber that can run without a pass through the scheduler context, or null. Wakes no
// machine: the caller may hold a lock.
[[gnu::always_inline]] inline fiber* scheduler::take_near(machine& m) noexcept {
    return m.p->time_to_poll() ? nullptr : unless_pinned(m, m.p->take_local());
}

inline fiber* scheduler::unless_pinned(machine& m, fiber* g) noexcept {
    if (g == nullptr || !g->pinned) [[likely]]
        return g;
    m.deferred = g;
    return nullptr;
}

FIBER_RETURN_FROM_SWITCH void scheduler::switch_away(machine& m, arch::context& from, fiber* to,
                                                     arch::commit_function commit, void* argument) noexcept {
    if (to != nullptr) [[likely]] {
        switch_to_fiber(m, from, *to, commit, argument);
        return;
    }
    m.running = nullptr;
    arch::switch_to(m.thread, from, m.scheduler_context, commit, argument);
}

// A fiber that parks or ends switches to the next fiber at this one noinline call site, and resumes
// here. Only yield() has another one. With two call sites here, the CPU mispredicts the jump by
// which a fiber resumes. Benchmark: perf/workloads/skynet.
[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH void scheduler::switch_to_fiber(machine& m, arch::context& from,
                                                                           fiber& to,
                                                                           arch::commit_function commit,
                                                                           void* argument) noexcept {
    if (to.stack == nullptr) [[unlikely]] {
        switch_to_fresh(m, from, to, commit, argument);
        return;
    }
    ++m.p->monitor.ticks;
    switch_to_stack(m, from, to, commit, argument);
}

// noinline, so that switch_to_fiber() has no registers to save.
[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH void scheduler::switch_to_fresh(machine& m, arch::context& from,
                                                                           fiber& to,
                                                                           arch::commit_function commit,
                                                                           void* argument) noexcept {
    stack_cache& idle = m.p->idle.stacks_from(to.stack_from);
    stack const* const first = idle.first();
    if (first != nullptr && first->context.sp != nullptr) [[likely]] {
        to.stack = &idle.take();
        switch_to_fiber(m, from, to, commit, argument);
    } else {
        switch_to_new_stack(m, from, to, commit, argument);
    }
}

// noinline, so that switch_to_fresh() has no registers to save when there is an idle stack.
[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH void scheduler::switch_to_new_stack(machine& m,
                                                                               arch::context& from, fiber& to,
                                                                               arch::commit_function commit,
                                                                               void* argument) noexcept {
    stack_cache& idle = m.p->idle.stacks_from(to.stack_from);
    if (idle.first() == nullptr && commit != nullptr) {
        // New stacks take system calls, and commit may have yet to release a lock: the scheduler
        // context makes them.
        m.deferred = &to;
        switch_away(m, from, nullptr, commit, argument);
        return;
    }
    stack& s = idle.take();
    if (s.context.sp == nullptr)
        prepare(s);
    to.stack = &s;
    switch_to_fiber(m, from, to, commit, argument);
}

[[gnu::always_inline]] inline void scheduler::switch_to_stack(machine& m, arch::context& from, fiber& to,
                                                              arch::commit_function commit,
                                                              void* argument) noexcept {
    to.move(fiber_state::runnable, fiber_state::running);
    m.running = &to;
    arch::switch_to(m.thread, from, to.stack->context, commit, argument);
}

void scheduler::prepare(stack& s) noexcept {
    arch::make_context(s.context, s.bottom(), s.usable(), stack_main);
}

// ── a fiber starts and ends ──

namespace {

// noinline, so that fiber_main() has fewer registers to save.
[[gnu::noinline]] void cleanup_slow(fiber& g) noexcept {
    if (g.has_locals) {
        local_table::destroy(g.locals); // may park, and run code that uses them
        g.has_locals = false;
    }
    if (g.pinned)
        fatal("%s has ended before its fiber::thread_pin, which it must destroy", full_name(g).text);
}

// [fork.thread] The function of the fiber that forked has returned, which ends the child's first thread.
// noinline: on segmented stacks, a function that calls foreign code takes a large segment.
[[noreturn, gnu::noinline]] void end_forked_process() noexcept { std::exit(EXIT_SUCCESS); }

// give_stack_back is the commit function of a stack on which a fiber has ended. It makes the stack
// idle.
void give_stack_back(void* idle) noexcept {
    auto& s = *static_cast<stack*>(idle);
    s.context.state = {}; // errno of the next fiber
    resources& idle_here = current_machine()->p->idle;
    if (auto const from = idle_here.source_of(s.size_class); from != stack_source::depot) {
        idle_here.stacks_from(from).give(s);
    } else {
        s.next = nullptr;
        s.size_class.give(&s);
        s.size_class.unreserve(1);
    }
}

} // namespace

// stack_main is the body of every stack.
void scheduler::stack_main() noexcept { fiber_arch_outermost_call(fiber_main); }

// Runs one fiber after another on the stack. If the machine's next fiber is fresh, it runs on this
// stack at once: closures that never park share one warm stack, without a switch. Not noexcept,
// because that would end an exception's search for a handler here.
void scheduler::fiber_main() {
    for (;;) {
        machine& before = *current_machine();
        fiber& g = *before.running;
        before.leave();
        g.entry(g.closure);
        if (current_machine() == nullptr) [[unlikely]] // [fork.thread]
            end_forked_process();
        if (g.has_locals || g.pinned) [[unlikely]]
            cleanup_slow(g);

        machine& m = enter_with_processor(); // g may be on another machine
        stack& here = *g.stack;
        if (!here.canary_intact()) [[unlikely]]
            die_of_overflow(g);
        stack_source const from = g.stack_from;
        g.stack = nullptr;
        finish(m, g, from);           // g may be recycled here
        arch::begin_floating_point(); // for the next fiber: g may have changed the modes

        fiber* const next = take_near(m);
        if (next != nullptr && next->stack == nullptr && next->stack_from == from) {
            next->stack = &here;
            next->move(fiber_state::runnable, fiber_state::running);
            m.running = next;
            ++m.p->monitor.ticks;
            m.thread.load({});
            continue;
        }
        switch_away(m, here.context, next, give_stack_back, &here);
        // Resumed: another fiber has been given this stack.
    }
}

void scheduler::finish(machine& m, fiber& g, stack_source from) noexcept {
    g.move(fiber_state::running, fiber_state::dead);
    clear_name(g);
    if (from != stack_source::depot) [[likely]]
        m.p->idle.stacks_from(from).give_credit();
    ++m.p->ended;
    complete(m, g);
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
    if (!idle_.wants_work() || (idle_.count() != 0 && clock::now() - waiting_since < worth_a_wake)) {
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
        idle_.wake_one();
}

// Puts fibers into the global queue, for a caller without a processor.
// [close.visit] Once the fibers are in the queue, they may run and end, and the scheduler's
// destructor may go on. Therefore the caller counts itself in visitors_ while the fibers still keep
// the scheduler alive. The destructor waits until visitors_ is 0.
void scheduler::inject(fiber_list&& list) noexcept {
    visitors_.fetch_add(1, std::memory_order_relaxed); // the queue's lock orders it before the fibers' ends
    global_.push(std::move(list));
    full_fence(); // [idle.wake] P2 is full: the caller may be no machine of this scheduler
    idle_.wake_one();
    visitors_.fetch_sub(1, std::memory_order_release); // [close.visit] *this may be destroyed here
}

} // namespace fiber::rt
