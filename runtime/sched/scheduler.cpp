// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/scheduler.hpp"

#include "runtime/base/fatal.hpp"
#include "runtime/fault/overflow.hpp"
#include "runtime/local_table.hpp"
#include "runtime/process/fork.hpp"
#include "runtime/sched/name.hpp"
#include "runtime/sched/outsiders.hpp"

#include "asm/floating_point.hpp"
#include "asm/last_call.hpp"
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
    leave(m, g.stk->context, to, commit, argument);
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
    fiber* const next = m.p != nullptr && !g.pinned ? m.p->take_turns<processor::turn::plain>(g) : nullptr;
    if (next != nullptr) [[likely]]
        yield_in_turn(m, g, *next);
    else
        yield_otherwise(m, g);
}

[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH void scheduler::yield_in_turn(machine& m, fiber& g,
                                                                         fiber& next) noexcept {
    g.move(fiber_state::running, fiber_state::runnable);
    switch_to_stack(m, g.stk->context, next, nullptr, nullptr);
    current_machine()->leave(); // perhaps another one
}

FIBER_RETURN_FROM_SWITCH void scheduler::yield_to(machine& m, fiber& g, fiber* next) noexcept {
    g.move(fiber_state::running, fiber_state::runnable);
    leave(m, g.stk->context, unless_pinned(m, next), nullptr, nullptr);
    current_machine()->leave(); // perhaps another one
}

// A function of its own, so that the usual one needs to save no registers.
[[gnu::noinline]] void scheduler::yield_otherwise(machine& m, fiber& g) noexcept {
    if (m.p == nullptr || g.pinned) {
        if (m.p == nullptr || m.sched.something_to_look_at(m))
            yield_slow(m, g);
        current_machine()->leave();
        return;
    }
    if (fiber* const next = m.p->take_turns<processor::turn::fetching>(g)) {
        yield_in_turn(m, g, *next);
        return;
    }
    fiber* const next = take_near(m);
    if (next == nullptr && !m.sched.something_to_look_at(m)) {
        ++m.p->progress.ticks; // so that a fiber that yields to nobody looks around now and then
        m.leave();
        return;
    }
    m.p->put_last(g);
    yield_to(m, g, next);
}

// By way of the global queue and the scheduler context, where the machine finds its processor, or its fiber,
// again.
void scheduler::yield_slow(machine& m, fiber& g) noexcept {
    g.move(fiber_state::running, fiber_state::runnable);
    auto const put_back = [](void* self) noexcept {
        auto& yielding = *static_cast<fiber*>(self);
        current_machine()->sched.inject(fiber_list(yielding));
    };
    leave(m, g.stk->context, nullptr, put_back, &g);
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
bool scheduler::something_to_look_at(machine const& m) const noexcept {
    return m.set_aside != nullptr || m.p->waiting() != 0 || !m.p->timers.empty() || !global_.empty() ||
           retired(*m.p) || (m.p->time_to_look() && poller_.load(std::memory_order_relaxed) != nullptr);
}

// What can be run without passing through the scheduler context. It wakes nobody: the caller may hold a lock.
[[gnu::always_inline]] inline fiber* scheduler::take_near(machine& m) noexcept {
    return m.p->time_to_look() ? nullptr : unless_pinned(m, m.p->take_local());
}

inline fiber* scheduler::unless_pinned(machine& m, fiber* g) noexcept {
    if (g == nullptr || !g->pinned) [[likely]]
        return g;
    m.set_aside = g;
    return nullptr;
}

FIBER_RETURN_FROM_SWITCH void scheduler::leave(machine& m, arch::context& from, fiber* to,
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
    if (to.stk == nullptr) [[unlikely]] {
        switch_to_fresh(m, from, to, commit, argument);
        return;
    }
    ++m.p->progress.ticks;
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
        to.stk = &idle.take();
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
        m.set_aside = &to;
        leave(m, from, nullptr, commit, argument);
        return;
    }
    stack& s = idle.take();
    if (s.context.sp == nullptr)
        prepare(s);
    to.stk = &s;
    switch_to_fiber(m, from, to, commit, argument);
}

[[gnu::always_inline]] inline void scheduler::switch_to_stack(machine& m, arch::context& from, fiber& to,
                                                              arch::commit_function commit,
                                                              void* argument) noexcept {
    to.move(fiber_state::runnable, fiber_state::running);
    m.running = &to;
    arch::switch_to(m.thread, from, to.stk->context, commit, argument);
}

void scheduler::prepare(stack& s) noexcept {
    arch::make_context(s.context, s.bottom(), s.usable(), stack_main);
}

// ── a fiber's life ──

namespace {

// A function of its own, so that the usual way needs to save no registers.
[[gnu::noinline]] void end_rarities(fiber& g) noexcept {
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
    if (auto const from = idle_here.source_of(s.of); from != stack_source::depot) {
        idle_here.stacks_from(from).give(s);
    } else {
        s.link = nullptr;
        s.of.give(&s);
        s.of.unreserve(1);
    }
}

} // namespace

// The body of every stack.
void scheduler::stack_main() noexcept { fiber_arch_last_call(fiber_main); }

// A stack that has ended a fiber runs the next fresh one in its turn, at once if that is what its machine has to run next:
// closures that never park take turns on one warm stack, without a switch. Not noexcept, which would end an exception's
// search for a handler here.
void scheduler::fiber_main() {
    for (;;) {
        machine& before = *current_machine();
        fiber& g = *before.running;
        before.leave();
        g.entry(g.closure);
        if (current_machine() == nullptr) [[unlikely]] // [fork.stranded]
            end_forked_process();
        if (g.has_locals || g.pinned) [[unlikely]]
            end_rarities(g);

        machine& m = enter_with_processor(); // g may have moved
        stack& here = *g.stk;
        if (!here.canary_lives()) [[unlikely]]
            die_of_overflow(g);
        stack_source const from = g.stack_from;
        g.stk = nullptr;
        finish(m, g, from);           // g may be gone
        arch::begin_floating_point(); // of the next one: this one may have changed its modes

        fiber* const next = take_near(m);
        if (next != nullptr && next->stk == nullptr && next->stack_from == from) {
            next->stk = &here;
            next->move(fiber_state::runnable, fiber_state::running);
            m.running = next;
            ++m.p->progress.ticks;
            m.thread.load({});
            continue;
        }
        leave(m, here.context, next, give_stack_back, &here);
        // Resumed: another fiber has been given this stack.
    }
}

void scheduler::finish(machine& m, fiber& g, stack_source from) noexcept {
    g.move(fiber_state::running, fiber_state::dead);
    clear_name(g);
    if (from != stack_source::depot) [[likely]]
        m.p->idle.stacks_from(from).give_credit();
    ++m.p->ended;
    end_life(m, g);
}

// ── runnable fibers find their place ──

void scheduler::ready(fiber& g) noexcept {
    g.move(fiber_state::parked, fiber_state::runnable);
    place(g);
}

// [idle.next] does not hold: the caller may run on for long. One that searches for work gets it for nothing; to wake
// one takes a few microseconds, which is for those alone that have waited several times as long.
void scheduler::ready(fiber& g, clock::time_point waiting_since) noexcept {
    constexpr auto worth_a_wake = std::chrono::microseconds(20);
    if (!idle_.hungry() || (idle_.count() != 0 && clock::now() - waiting_since < worth_a_wake)) {
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
    if (m != nullptr && &m->sched == this) [[likely]] {
        entered const inside(*m);
        if (has_processor(*m)) [[likely]] {
            ++m->p->started;
            m->p->put_child(g);
            publish(*m);
            return;
        }
    }
    outsiders_->count_started();
    inject(fiber_list(g));
}

void scheduler::place(fiber& g) noexcept {
    machine* const m = current_machine();
    stay_inside const hold(m);
    if (m != nullptr && &m->sched == this && m->p != nullptr) [[likely]]
        put_next(*m, g);
    else
        place_without_processor(m, g);
}

// A function of its own, so that the usual way needs to save fewer registers.
[[gnu::noinline]] void scheduler::place_without_processor(machine* m, fiber& g) noexcept {
    if (m != nullptr && &m->sched == this && regain(*m))
        put_next(*m, g);
    else
        inject(fiber_list(g));
}

void scheduler::place(fiber_list&& list) noexcept {
    machine* const m = current_machine();
    stay_inside const hold(m);
    if (m != nullptr && &m->sched == this && has_processor(*m)) {
        m->p->put_last(std::move(list));
        publish_woken(*m);
    } else {
        inject(std::move(list));
    }
}

// One fiber alone is no reason to wake anybody: [idle.next].
void scheduler::publish_backlog(machine& m) noexcept {
    if (m.p->asked())
        offer(m);
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
