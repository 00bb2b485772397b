// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/fiber_lifecycle.hpp"

#include "runtime/sched/current.hpp"
#include "runtime/sched/hand_off.hpp"
#include "runtime/sched/name.hpp"
#include "runtime/sched/publish.hpp"
#include "runtime/sched/ready.hpp"
#include "runtime/sched/remote_resources.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/sched/switch_fiber.hpp"

#include <mutex>

namespace fiber::rt {
namespace {

enum class spawn_kind { fiber, thread };

// Gives g its name and a credit for a stack. If processors keep no stacks of the wanted size, gives
// g the stack itself.
void assign_stack(fiber& g, attributes const& how, resources& from, stack_source usual) {
    stack_class& wanted =
        how.stack_size == 0 ? from.stacks_from(usual).size_class() : stack_class::of_size(how.stack_size);
    set_name(g, how.name);
    g.stack_from = from.source_of(wanted);
    if (g.stack_from != stack_source::depot) {
        from.stacks_from(g.stack_from).take_credit();
    } else {
        wanted.reserve(1);
        std::size_t one = 1;
        g.stack = wanted.take(one, one);
    }
}

[[gnu::noinline]] fiber& make_with_attributes(resources& from, attributes const& how, stack_source usual) {
    fiber& g = from.fibers.take();
    try {
        assign_stack(g, how, from, usual);
    } catch (...) {
        clear_name(g);
        from.fibers.give(g);
        throw;
    }
    return g;
}

inline fiber& make(resources& from, attributes const& how, stack_source usual) {
    if (how.stack_size != 0 || !how.name.empty()) [[unlikely]]
        return make_with_attributes(from, how, usual);
    stack_cache& stacks = from.stacks_from(usual);
    stacks.take_credit();
    try {
        fiber& g = from.fibers.take();
        g.stack_from = usual;
        return g;
    } catch (...) {
        stacks.give_credit();
        throw;
    }
}

void release_unstarted(resources& to, fiber& g) noexcept {
    clear_name(g);
    if (g.stack == nullptr) {
        to.stacks_from(g.stack_from).give_credit();
    } else {
        stack_class& of = g.stack->size_class;
        of.give(g.stack);
        of.unreserve(1);
        g.stack = nullptr;
    }
    g.scheduler = nullptr;
    to.fibers.give(g);
}

[[gnu::always_inline]] inline fiber& init_fiber(scheduler& of, fiber& g) noexcept {
    if (g.stack != nullptr && g.stack->context.sp == nullptr) [[unlikely]]
        prepare(*g.stack);
    g.scheduler = &of;
    g.why = wait_reason::none; // why and what are left from the record's last fiber
    g.what = nullptr;
    g.join.word.store(join_state::unjoined, std::memory_order_relaxed); // relaxed: published with the handle
    return g;
}

fiber& new_fiber_remote(scheduler& of, spawn_kind kind, attributes const& how) {
    std::lock_guard const hold(of.remote->lock);
    resources& from = of.remote->idle;
    return init_fiber(of,
                      make(from, how, kind == spawn_kind::thread ? from.for_threads : stack_source::usual));
}

[[gnu::always_inline]] inline fiber& new_fiber_like(scheduler& of, spawn_kind kind, attributes const& how) {
    machine* const m = current_machine();
    if (m == nullptr || &m->scheduler != &of) [[unlikely]]
        return new_fiber_remote(of, kind, how);
    entered const inside(*m);
    if (!has_processor(*m)) [[unlikely]]
        return new_fiber_remote(of, kind, how);
    resources& from = m->p->idle;
    return init_fiber(of,
                      make(from, how, kind == spawn_kind::thread ? from.for_threads : stack_source::usual));
}

} // namespace

fiber& new_fiber(scheduler& of, attributes const& how) { return new_fiber_like(of, spawn_kind::fiber, how); }

fiber& new_thread(scheduler& of, attributes const& how) {
    return new_fiber_like(of, spawn_kind::thread, how);
}

// Called by a fiber's own code, or by an OS thread.
void start_fiber(fiber& g) noexcept {
    scheduler& of = *g.scheduler;
    g.move(fiber_state::dead, fiber_state::runnable);
    machine* const m = current_machine();
    if (m != nullptr && &m->scheduler == &of) [[likely]] {
        entered const inside(*m);
        if (has_processor(*m)) [[likely]] {
            ++m->p->started;
            m->p->push_spawned(g);
            publish(*m);
            return;
        }
    }
    of.remote->count_started();
    inject(of, fiber_list(g));
}

void abandon_fiber(fiber& g) noexcept {
    machine* const m = current_machine();
    stay_inside const inside(m);
    if (m != nullptr && &m->scheduler == g.scheduler && has_processor(*m)) {
        release_unstarted(m->p->idle, g);
    } else {
        remote_resources& to = *g.scheduler->remote;
        std::lock_guard const hold(to.lock);
        release_unstarted(to.idle, g);
    }
}

void recycle_fiber(fiber& g) noexcept {
    machine* const m = current_machine();
    stay_inside const inside(m);
    if (m != nullptr && has_processor(*m)) {
        recycle_fiber(*m, g);
    } else {
        g.scheduler = nullptr;
        fiber_cache::give_to_depot(g);
    }
}

} // namespace fiber::rt
