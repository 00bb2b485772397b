// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/scheduler.hpp"

#include "runtime/base/fatal.hpp"
#include "runtime/fault/overflow.hpp"
#include "runtime/local_table.hpp"
#include "runtime/process/fork.hpp"
#include "runtime/sched/name.hpp"
#include "runtime/sched/remote_resources.hpp"

#include "asm/floating_point.hpp"
#include "asm/outermost_call.hpp"
#include "asm/return.hpp"

#include <chrono>

namespace fiber::rt {

// ── a fiber's way on and off a machine ──

FIBER_RETURN_FROM_SWITCH void scheduler::park(machine& m, wait_reason why, void const* what,
                                              arch::commit_function commit, void* argument) noexcept {
    fiber& g = *m.running;
    g.why = why;
    g.what = what;
    g.move(fiber_state::running, fiber_state::parked);
    // A machine without a processor must not wait for one here: the fiber may hold the lock that commit releases.
    fiber* to = nullptr;
    if (has_processor(m)) [[likely]] {
        ++m.p->parks;
        to = g.pinned ? nullptr : take_near(m);
    }
    switch_away(m, g.stack->context, to, commit, argument);
    current_machine()->leave(); // perhaps another one
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
    // The machine of processor 0 sees the timer when it looks around next. Or it is about to sleep, has looked at its
    // timers already, and is woken to do so again. If the timer is not the earliest, it is awake before.
    processor& p = *processors_[0];      // never retires
    if (!p.timers.arm_from_elsewhere(t)) // t may be gone
        return;
    full_fence(); // [idle.wake]
    if (machine* const owner = p.owner(); owner != nullptr && idle_.withdraw(*owner, p))
        owner->wake();
}

// The fiber is queued before it is off its stack: only this machine looks into the queue, and not before the
// switch. [idle.next] Nobody is told, as many fibers stand in the queue as before.
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
    current_machine()->leave(); // perhaps another one
}

FIBER_RETURN_FROM_SWITCH void scheduler::yield_to(machine& m, fiber& g, fiber* next) noexcept {
    g.move(fiber_state::running, fiber_state::runnable);
    switch_away(m, g.stack->context, unless_pinned(m, next), nullptr, nullptr);
    current_machine()->leave(); // perhaps another one
}

// A function of its own, so that the usual one needs to save no registers.
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
        ++m.p->monitor.ticks; // so that a fiber that yields to nobody looks around now and then
        m.leave();
        return;
    }
    m.p->push_back(g);
    yield_to(m, g, next);
}

// By way of the global queue and the scheduler context, where the machine finds its processor, or its fiber,
// again.
void scheduler::yield_slow(machine& m, fiber& g) noexcept {
    g.move(fiber_state::running, fiber_state::runnable);
    auto const put_back = [](void* self) noexcept {
        auto& yielding = *static_cast<fiber*>(self);
        current_machine()->scheduler.inject(fiber_list(yielding));
    };
    switch_away(m, g.stack->context, nullptr, put_back, &g);
}

// The caller's machine, inside, with a processor. Called without locks, since it may wait for one.
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

// What may be worth the way through the scheduler context.
bool scheduler::has_other_work(machine const& m) const noexcept {
    return m.deferred != nullptr || m.p->waiting() != 0 || !m.p->timers.empty() || !global_.empty() ||
           retired(*m.p) || (m.p->time_to_poll() && poller_.load(std::memory_order_relaxed) != nullptr);
}

// What can be run without passing through the scheduler context. It wakes nobody: the caller may hold a lock.
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

// The one place from which fibers leave for others, those that yield apart, and so the one at which they arrive: with two the
// jump there was not predicted, which cost skynet a fifth.
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

// A function of its own, so that the others need to save no registers.
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

// Likewise, so that switch_to_fresh does not either where an idle stack is at hand.
[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH void scheduler::switch_to_new_stack(machine& m,
                                                                               arch::context& from, fiber& to,
                                                                               arch::commit_function commit,
                                                                               void* argument) noexcept {
    stack_cache& idle = m.p->idle.stacks_from(to.stack_from);
    if (idle.first() == nullptr && commit != nullptr) {
        // To make some takes system calls, while commit may have yet to release a lock: the scheduler context will do it.
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

// ── a fiber's life ──

namespace {

// A function of its own, so that the usual way needs to save no registers.
[[gnu::noinline]] void cleanup_slow(fiber& g) noexcept {
    if (g.has_locals) {
        local_table::destroy(g.locals); // may park, and run code that uses them
        g.has_locals = false;
    }
    if (g.pinned)
        fatal("%s has ended before its fiber::thread_pin, which it must destroy", full_name(g).text);
}

// The commit function of a stack that has ended a fiber: it is idle now.
void give_stack_back(void* idle) noexcept {
    auto& s = *static_cast<stack*>(idle);
    s.context.state = {}; // the next fiber's errno
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

// The body of every stack.
void scheduler::stack_main() noexcept { fiber_arch_outermost_call(fiber_main); }

// A stack that has ended a fiber runs the next fresh one in its turn, at once if that is what its machine has to run next:
// closures that never park take turns on one warm stack, without a switch. Not noexcept, which would end an exception's
// search for a handler here.
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

        machine& m = enter_with_processor(); // g may have moved
        stack& here = *g.stack;
        if (!here.canary_intact()) [[unlikely]]
            die_of_overflow(g);
        stack_source const from = g.stack_from;
        g.stack = nullptr;
        finish(m, g, from);           // g may be gone
        arch::begin_floating_point(); // of the next one: this one may have changed its modes

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

// ── runnable fibers find their place ──

void scheduler::ready(fiber& g) noexcept {
    g.move(fiber_state::parked, fiber_state::runnable);
    run_next(g);
}

// [idle.next] does not hold: the caller may run on for long. One that searches for work gets it for nothing; to wake
// one takes a few microseconds, which is for those alone that have waited several times as long.
void scheduler::ready(fiber& g, clock::time_point waiting_since) noexcept {
    constexpr auto worth_a_wake = std::chrono::microseconds(20);
    if (!idle_.wants_work() || (idle_.count() != 0 && clock::now() - waiting_since < worth_a_wake)) {
        ready(g);
        return;
    }
    g.move(fiber_state::parked, fiber_state::runnable);
    inject(fiber_list(g));
}

// By a fiber's own code, or an OS thread.
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

// A function of its own, so that the usual way needs to save fewer registers.
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

// One fiber alone is no reason to wake anybody: [idle.next].
void scheduler::publish_backlog(machine& m) noexcept {
    if (m.p->share_requested())
        share_half(m);
    else if (m.p->waiting() > 1)
        idle_.wake_one();
}

// [close.visit] From outside: once they are in the queue, they may run, end, and let the scheduler's destructor go
// on. So the visitor announces himself while they still keep the scheduler alive, and the destructor waits
// until he has left.
void scheduler::inject(fiber_list&& list) noexcept {
    visitors_.fetch_add(1, std::memory_order_relaxed); // the queue's lock orders it before their ends
    global_.push(std::move(list));
    full_fence(); // [idle.wake] it may be no machine of this scheduler
    idle_.wake_one();
    visitors_.fetch_sub(1, std::memory_order_release); // [close.visit] *this may be gone
}

} // namespace fiber::rt
