// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/scheduler.hpp"

#include "runtime/local_table.hpp"
#include "runtime/sched/name.hpp"
#include "runtime/sched/outsiders.hpp"

#include "asm/floating_point.hpp"

#include <exception>

namespace fiber::rt {

// ── a fiber's way on and off a machine ──

void scheduler::park(machine& m, wait_reason why, void const* what, arch::commit_function commit,
                     void* argument) noexcept {
    fiber& g = *m.running;
    g.why = why;
    g.what = what;
    g.move(fiber_state::running, fiber_state::parked);
    ++m.p->parks;
    leave(m, g.stk->context, take_near(m), commit, argument);
}

void scheduler::yield(machine& m) noexcept {
    fiber& g = *m.running;
    fiber* const next = take_near(m);
    if (next == nullptr && !m.sched.due_for_a_look(m)) {
        ++m.p->tick; // so that a fiber that yields to nobody looks around now and then
        return;
    }
    g.move(fiber_state::running, fiber_state::runnable);
    // [idle.next] Nobody is told: as many fibers stand in the queue as before.
    auto const put_back = [](void* self) noexcept {
        machine& there = *current_machine();
        there.sched.put_last(there, *static_cast<fiber*>(self));
    };
    leave(m, g.stk->context, next, put_back, &g);
}

// Whether the machine should pass through its scheduler context, which looks at more than its own queue.
bool scheduler::due_for_a_look(machine const& m) const noexcept {
    constexpr std::uint64_t ticks_between =
        61; // prime, so as not to fall in step with a program's own rhythm; Go's number
    return m.p->tick.mine() % ticks_between == 0 && (!global_.empty() || !m.p->timers.empty() || retired(m));
}

// What can be run without passing through the scheduler context.
fiber* scheduler::take_near(machine& m) noexcept {
    if (m.sched.due_for_a_look(m))
        return nullptr;
    fiber* const g = m.p->take_local();
    return g != nullptr ? g : m.sched.take_global(m);
}

void scheduler::leave(machine& m, arch::context& from, fiber* to, arch::commit_function commit,
                      void* argument) noexcept {
    if (to != nullptr) {
        switch_to_fiber(m, from, *to, commit, argument);
        return;
    }
    m.running = nullptr;
    arch::switch_to(m.thread, from, m.scheduler_context, commit, argument);
}

void scheduler::switch_to_fiber(machine& m, arch::context& from, fiber& to, arch::commit_function commit,
                                void* argument) noexcept {
    if (to.stk == nullptr)
        to.stk = &m.p->idle.stacks.take();
    arch::context& context = to.stk->context;
    if (context.sp == nullptr)
        arch::make_context(context, to.stk->bottom(), to.stk->usable(), fiber_main);
    to.move(fiber_state::runnable, fiber_state::running);
    m.running = &to;
    ++m.p->tick;
    arch::switch_to(m.thread, from, context, commit, argument);
}

// ── a fiber's life ──

namespace {

void run_closure(fiber& g) noexcept {
    try {
        g.entry(g.closure);
    } catch (std::exception const& e) {
        warn("%s was left by an exception: %s", full_name(g).text, e.what());
        std::terminate();
    } catch (...) {
        warn("%s was left by an exception that is no std::exception", full_name(g).text);
        std::terminate();
    }
}

// The commit function of a stack that has ended a fiber: it is idle now.
void give_stack_back(void* idle) noexcept {
    auto& s = *static_cast<stack*>(idle);
    if (!s.canary_lives())
        fatal("stack overflow: a fiber has used more than its %zu bytes of stack; give it a larger "
              "attributes::stack_size",
              s.of.size());
    s.context.state = {}; // the next fiber's errno
    stack_cache& cache = current_machine()->p->idle.stacks;
    if (&s.of == &cache.of()) {
        cache.give(s);
    } else {
        s.link = nullptr;
        s.of.give(&s);
        s.of.unreserve(1);
    }
}

} // namespace

// The body of every stack. A stack that has ended a fiber runs the next fresh one in its turn, at once if
// that is what its machine has to run next: closures that never park take turns on one warm stack, without a
// switch.
void scheduler::fiber_main() noexcept {
    for (;;) {
        fiber& g = *current_machine()->running;
        run_closure(g);
        local_table::destroy(g.locals);
        arch::restore_default_floating_point_control();

        machine& m = *current_machine(); // g may have moved
        stack& here = *g.stk;
        bool const usual_size = &here.of == &m.p->idle.stacks.of();
        g.stk = nullptr;
        finish(m, g, usual_size); // g may be gone

        fiber* const next = take_near(m);
        if (next != nullptr && next->stk == nullptr && usual_size) {
            next->stk = &here;
            next->move(fiber_state::runnable, fiber_state::running);
            m.running = next;
            ++m.p->tick;
            m.thread.load({});
            continue;
        }
        leave(m, here.context, next, give_stack_back, &here);
        // Resumed: another fiber has been given this stack.
    }
}

void scheduler::finish(machine& m, fiber& g, bool has_credit) noexcept {
    g.move(fiber_state::running, fiber_state::dead);
    clear_name(g);
    if (has_credit)
        m.p->idle.stacks.give_credit();
    ++m.p->ended;
    end_life(g);
}

// ── runnable fibers find their place ──

void scheduler::ready(fiber& g) noexcept {
    g.move(fiber_state::parked, fiber_state::runnable);
    place(g);
}

void scheduler::start(fiber& g) noexcept {
    g.move(fiber_state::dead, fiber_state::runnable);
    machine* const m = current_machine();
    if (m != nullptr && &m->sched == this)
        ++m->p->started;
    else
        outsiders_->count_started();
    place(g);
}

void scheduler::place(fiber& g) noexcept {
    machine* const m = current_machine();
    if (m == nullptr || &m->sched != this) {
        inject(g);
        return;
    }
    fiber* const before = m->p->put_next(g);
    if (before == nullptr)
        return;
    put_last(*m, *before);
    if (processors() > 1) // the only processor is awake
        idle_.wake_one();
}

// [close.visit] From outside: once g is in the queue, it may run, end, and let the scheduler's destructor go
// on. So the visitor announces himself while g still keeps the scheduler alive, and the destructor waits
// until he has left.
void scheduler::inject(fiber& g) noexcept {
    visitors_.fetch_add(1, std::memory_order_relaxed); // the queue's lock orders it before g's end
    global_.push(g);
    idle_.wake_one();
    visitors_.fetch_sub(1, std::memory_order_release); // [close.visit] *this may be gone
}

void scheduler::put_last(machine& m, fiber& g) noexcept {
    while (!m.p->queue.push(g)) {
        run_queue::batch half;
        auto const n = m.p->queue.take_half(half);
        if (n == 0)
            continue; // thieves have made room
        for (std::uint32_t i = 0; i + 1 < n; ++i)
            half[i]->link = half[i + 1];
        half[n - 1]->link = &g;
        global_.push_list(*half[0], g, n + 1);
        return;
    }
}

// ── machines ──

void* scheduler::machine_main(void* self) noexcept {
    auto& m = *static_cast<machine*>(self);
    set_current_machine(&m);
    m.thread.find();
    m.scheduler_context.sanitizer.adopt_thread();
    while (fiber* const g = m.sched.find_runnable(m))
        switch_to_fiber(m, m.scheduler_context, *g, nullptr, nullptr);
    set_current_machine(nullptr);
    return nullptr;
}

} // namespace fiber::rt
