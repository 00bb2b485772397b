// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/switch_fiber.hpp"

#include "runtime/base/process/fatal.hpp"
#include "runtime/local_table.hpp"
#include "runtime/sched/coarse_clock.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/hand_off.hpp"
#include "runtime/sched/join.hpp"
#include "runtime/sched/name.hpp"
#include "runtime/sched/overflow_report.hpp"
#include "runtime/sched/ready.hpp"
#include "runtime/sched/scheduler.hpp"

#include "asm/call/outermost_call.hpp"
#include "asm/switch/floating_point.hpp"

#include <cstdlib>

namespace fiber::rt {
namespace {

inline fiber* unless_pinned(machine& m, fiber* g) noexcept {
    if (g == nullptr || !g->pinned) [[likely]]
        return g;
    m.deferred = g;
    return nullptr;
}

// Returns a fiber that can run without a pass through the scheduler context, or null. Wakes no
// machine: the caller may hold a lock.
[[gnu::always_inline]] inline fiber* take_near(machine& m) noexcept {
    return m.p->time_to_poll() ? nullptr : unless_pinned(m, m.p->take_local());
}

// Returns true if there may be work that only the scheduler context finds.
bool has_other_work(machine const& m) noexcept {
    scheduler const& of = m.scheduler;
    return m.deferred != nullptr || m.p->waiting() != 0 || !m.p->timers.empty() || !of.work.global.empty() ||
           of.processors.retired(*m.p) || (m.p->time_to_poll() && of.work.lacks_watcher());
}

[[gnu::always_inline]] inline void switch_to_stack(machine& m, arch::context& from, fiber& to,
                                                   arch::commit_function commit, void* argument) noexcept {
    to.move(fiber_state::runnable, fiber_state::running);
    m.running = &to;
    arch::switch_to(m.thread, from, to.stack->context, commit, argument);
}

FIBER_RETURN_FROM_SWITCH void switch_to_fresh(machine&, arch::context& from, fiber& to, arch::commit_function,
                                              void* argument) noexcept;

} // namespace

// A fiber that parks or ends switches to the next fiber at this one noinline call site, and resumes
// here. Only yield_fiber() has another one. With two call sites here, the CPU mispredicts the jump by
// which a fiber resumes. Benchmark: perf/workloads/skynet.
[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH void switch_to_fiber(machine& m, arch::context& from, fiber& to,
                                                                arch::commit_function commit,
                                                                void* argument) noexcept {
    if (to.stack == nullptr) [[unlikely]] {
        switch_to_fresh(m, from, to, commit, argument);
        return;
    }
    ++m.p->monitor.ticks;
    switch_to_stack(m, from, to, commit, argument);
}

namespace {

FIBER_RETURN_FROM_SWITCH void switch_to_new_stack(machine&, arch::context& from, fiber& to,
                                                  arch::commit_function, void* argument) noexcept;

// noinline, so that switch_to_fiber() has no registers to save.
[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH void switch_to_fresh(machine& m, arch::context& from, fiber& to,
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

FIBER_RETURN_FROM_SWITCH void switch_away(machine& m, arch::context& from, fiber* to,
                                          arch::commit_function commit, void* argument) noexcept {
    if (to != nullptr) [[likely]] {
        switch_to_fiber(m, from, *to, commit, argument);
        return;
    }
    m.running = nullptr;
    arch::switch_to(m.thread, from, m.scheduler_context, commit, argument);
}

// noinline, so that switch_to_fresh() has no registers to save when there is an idle stack.
[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH void switch_to_new_stack(machine& m, arch::context& from,
                                                                    fiber& to, arch::commit_function commit,
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

} // namespace

FIBER_RETURN_FROM_SWITCH void park_fiber(machine& m, wait_reason why, void const* what,
                                         arch::commit_function commit, void* argument) noexcept {
    fiber& g = *m.running;
    g.why = why;
    g.what = what;
    arch::context& here = g.stack->context;
    here.state.parked_at = coarse_clock::ticks();
    g.move(fiber_state::running, fiber_state::parked);
    // A machine without a processor must not wait for one here: the fiber may hold the lock that
    // commit releases.
    fiber* to = nullptr;
    if (has_processor(m)) [[likely]] {
        ++m.p->parks;
        to = g.pinned ? nullptr : take_near(m);
    }
    switch_away(m, here, to, commit, argument);
    current_machine()->leave(); // g may be on another machine
}

// ── yield ──

namespace {

[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH void yield_in_turn(machine& m, fiber& g, fiber& next) noexcept {
    g.move(fiber_state::running, fiber_state::runnable);
    switch_to_stack(m, g.stack->context, next, nullptr, nullptr);
    current_machine()->leave(); // g may be on another machine
}

FIBER_RETURN_FROM_SWITCH void yield_to(machine& m, fiber& g, fiber* next) noexcept {
    g.move(fiber_state::running, fiber_state::runnable);
    switch_away(m, g.stack->context, unless_pinned(m, next), nullptr, nullptr);
    current_machine()->leave(); // g may be on another machine
}

// noinline, so that yield_fiber() has no registers to save.
[[gnu::noinline]] void yield_otherwise(machine& m, fiber& g) noexcept {
    if (m.p == nullptr || g.pinned) {
        if (m.p == nullptr || has_other_work(m))
            yield_slow(m, g);
        current_machine()->leave();
        return;
    }
    if (fiber* const next = m.p->rotate_fast<processor::rotation::fetching>(g)) {
        yield_in_turn(m, g, *next);
        return;
    }
    fiber* const next = take_near(m);
    if (next == nullptr && !has_other_work(m)) {
        ++m.p->monitor.ticks; // so that a fiber that yields to no other polls now and then
        m.leave();
        return;
    }
    m.p->push_back(g);
    yield_to(m, g, next);
}

} // namespace

// The fiber is queued before it has left its stack. That is safe: only this machine reads the
// queue, and not before the switch. No machine is woken, because the number of fibers in the queue
// stays the same: [idle.next]
void yield_fiber(machine& m) noexcept {
    m.enter();
    fiber& g = *m.running;
    fiber* const next =
        m.p != nullptr && !g.pinned ? m.p->rotate_fast<processor::rotation::plain>(g) : nullptr;
    if (next != nullptr) [[likely]]
        yield_in_turn(m, g, *next);
    else
        yield_otherwise(m, g);
}

void yield_slow(machine& m, fiber& g) noexcept {
    g.move(fiber_state::running, fiber_state::runnable);
    auto const put_back = [](void* self) noexcept {
        auto& yielding = *static_cast<fiber*>(self);
        inject(current_machine()->scheduler, fiber_list(yielding));
    };
    switch_away(m, g.stack->context, nullptr, put_back, &g);
}

// ── the body of every stack ──

namespace {

machine& wait_for_processor() noexcept {
    machine* m = current_machine();
    while (!has_processor(*m)) {
        yield_slow(*m, *m->running);
        m = current_machine();
    }
    return *m;
}

// Enters the runtime, and returns the caller's machine with a processor. May wait for a processor,
// so the caller holds no lock.
inline machine& enter_with_processor() noexcept {
    machine& m = *current_machine();
    m.enter();
    return m.p != nullptr ? m : wait_for_processor();
}

// [fork.thread] The function of the fiber that forked has returned, which ends the child's first thread.
// noinline: on segmented stacks, a function that calls foreign code takes a large segment.
[[noreturn, gnu::noinline]] void end_forked_process() noexcept { std::exit(EXIT_SUCCESS); }

// noinline, so that fiber_main() has fewer registers to save.
[[gnu::noinline]] void cleanup_slow(fiber& g) noexcept {
    if (g.has_locals) {
        local_table::destroy(g.locals); // may park, and run code that uses them
        g.has_locals = false;
    }
    if (g.pinned)
        fatal("%s has ended before its fiber::thread_pin, which it must destroy", full_name(g).text);
}

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

void finish(machine& m, fiber& g, stack_source from) noexcept {
    g.move(fiber_state::running, fiber_state::dead);
    clear_name(g);
    if (from != stack_source::depot) [[likely]]
        m.p->idle.stacks_from(from).give_credit();
    ++m.p->ended;
    complete(m, g);
}

// Runs one fiber after another on the stack. If the machine's next fiber is fresh, it runs on this
// stack at once: closures that never park share one warm stack, without a switch. Not noexcept,
// because that would end an exception's search for a handler here.
[[noreturn]] void fiber_main() {
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

// stack_main is the body of every stack.
[[noreturn]] void stack_main() noexcept { fiber_arch_outermost_call(fiber_main); }

} // namespace

void const* caller_of_entries() noexcept { return reinterpret_cast<void const*>(fiber_main); }

void prepare(stack& s) noexcept { arch::make_context(s.context, s.bottom(), s.usable(), stack_main); }

} // namespace fiber::rt
