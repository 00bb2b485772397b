// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// spawn.cpp: how other fibers and threads start and end a fiber. Takes records and gives them back,
// starts, joins and detaches fibers.

#include "runtime/base/atomics/backoff.hpp"
#include "runtime/park.hpp"
#include "runtime/sched/join.hpp"
#include "runtime/sched/name.hpp"
#include "runtime/sched/remote_resources.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/wait_observer.hpp"

#include <mutex>
#include <utility>

namespace fiber::rt {
namespace {

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

// Waits until g's end is done, then recycles g. An ending fiber that has made its last switch has a
// few instructions left, but its machine may lose its CPU there. noinline, so that callers that
// need not wait have no registers to save.
[[gnu::noinline]] void recycle_when_done(fiber& g) noexcept {
    spin_until(
        [&g] { return g.join.word.load(std::memory_order_acquire) == join_state::done; }); // [join.done]
    scheduler::recycle(g);
}

} // namespace

[[gnu::always_inline]] inline fiber& scheduler::init_fiber(fiber& g) noexcept {
    if (g.stack != nullptr && g.stack->context.sp == nullptr) [[unlikely]]
        prepare(*g.stack);
    g.scheduler = this;
    g.why = wait_reason::none; // why and what are left from the record's last fiber
    g.what = nullptr;
    g.join.word.store(join_state::unjoined, std::memory_order_relaxed); // relaxed: published with the handle
    return g;
}

[[gnu::always_inline]] inline fiber& scheduler::new_fiber_like(spawn_kind kind, attributes const& how) {
    machine* const m = current_machine();
    if (m == nullptr || &m->scheduler != this) [[unlikely]]
        return new_fiber_remote(kind, how);
    entered const inside(*m);
    if (!has_processor(*m)) [[unlikely]]
        return new_fiber_remote(kind, how);
    resources& from = m->p->idle;
    return init_fiber(make(from, how, kind == spawn_kind::thread ? from.for_threads : stack_source::usual));
}

fiber& scheduler::new_fiber(attributes const& how) { return new_fiber_like(spawn_kind::fiber, how); }
fiber& scheduler::new_thread(attributes const& how) { return new_fiber_like(spawn_kind::thread, how); }

fiber& scheduler::new_fiber_remote(spawn_kind kind, attributes const& how) {
    std::lock_guard const hold(remote_->lock);
    resources& from = remote_->idle;
    return init_fiber(make(from, how, kind == spawn_kind::thread ? from.for_threads : stack_source::usual));
}

void scheduler::abandon(fiber& g) noexcept {
    machine* const m = current_machine();
    stay_inside const inside(m);
    if (m != nullptr && &m->scheduler == this && has_processor(*m)) {
        release_unstarted(m->p->idle, g);
    } else {
        std::lock_guard const hold(remote_->lock);
        release_unstarted(remote_->idle, g);
    }
}

void scheduler::recycle(fiber& g) noexcept {
    machine* const m = current_machine();
    stay_inside const inside(m);
    if (m != nullptr && has_processor(*m)) {
        recycle(*m, g);
    } else {
        g.scheduler = nullptr;
        fiber_cache::give_to_depot(g);
    }
}

void scheduler::recycle(machine& m, fiber& g) noexcept {
    FIBER_ASSERT(g.state == fiber_state::dead && g.stack == nullptr);
    g.scheduler = nullptr;
    m.p->idle.fibers.give(g);
}

// Completes the end of g. Called by g's machine, after all else is done. Recycles the record, or
// leaves it to the owner of the handle or to the joiner.
void scheduler::complete(machine& m, fiber& g) noexcept {
    std::atomic<std::uintptr_t>& word = g.join.word;
    auto seen = word.load(std::memory_order_acquire); // [join.detach] [join.wait]
    if (!join_state::is_final(seen))
        seen = word.exchange(join_state::finishing, std::memory_order_acq_rel); // [join.detach] [join.wait]
    if (seen == join_state::detached) {
        recycle(m, g);
        return;
    }
    if (join_state::is_final(seen)) {
        auto& joiner = join_state::joiner_in(seen);
        ticket const key = joiner.key;
        joiner.recycled = true;
        recycle(m, g);
        wake_joiner(m, key);
        return;
    }
    complete_unjoined(g, seen);
}

// Completes the end of a fiber that has a handle, or a joiner with a deadline. The handle's owner,
// or this joiner, recycles the record.
void scheduler::complete_unjoined(fiber& g, std::uintptr_t seen) noexcept {
    ticket joiner;
    if (join_state::joined(seen))
        joiner = join_state::joiner_in(seen).key;
    g.join.word.store(join_state::done,
                      std::memory_order_release); // [join.done] g may be recycled here, by the handle's owner
    if (joiner.who != nullptr && agent::claim(joiner))
        unpark(joiner);
}

// Does what unpark() does, and takes less time if the joiner is a fiber of the same scheduler.
void scheduler::wake_joiner(machine& m, ticket joiner) noexcept {
    if (joiner.who->is_fiber()) [[likely]] {
        auto& g = static_cast<fiber&>(*joiner.who);
        if (g.scheduler == &m.scheduler) [[likely]] {
            g.move(fiber_state::parked, fiber_state::runnable);
            m.scheduler.push_next(m, g);
            return;
        }
    }
    unpark(joiner);
}

// [join.private] A fiber in the lists of the caller's processor cannot begin before the caller's
// machine has left this stack or the runtime. Therefore a plain store to its word is enough. It
// costs nothing, while an exchange takes the time of a switch. Most fibers are joined or detached
// in this way, right after their start.

// [fork] A fiber of the parent process does not run in this process. To the owner of its handle it
// has ended.
void join(fiber*& held) noexcept {
    fiber& g = *held;
    if (!g.is_from_parent()) [[likely]] {
        if (g.join.word.load(std::memory_order_acquire) <= join_state::detached) { // [join.done]
            scheduler::join_by_waiting(held);
            return;
        }
        recycle_when_done(g);
    }
    held = nullptr;
}

[[gnu::always_inline]] inline void scheduler::park_until_ended(fiber& g, join_state::joiner& me) noexcept {
    std::atomic<std::uintptr_t>& word = g.join.word;
    auto const mine = reinterpret_cast<std::uintptr_t>(&me);
    machine* const m = current_machine();
    if (m != nullptr && observer_of_waits == nullptr) [[likely]] { // rt::park, below, tells an observer
        m->enter();
        if (m->p != nullptr && m->p->holds(g)) [[likely]] {
            word.store(mine, std::memory_order_relaxed); // [join.private]
            park(*m, wait_reason::join, &g, nullptr, nullptr);
            return;
        }
        m->leave();
    }
    rt::park(wait_reason::join, &g, [&word, mine, key = me.key] {
        // [join.wait] release: complete() reads *me. An exchange takes less time than a
        // compare-exchange.
        //   before == unjoined    complete() will see *me. word and me may be destroyed here
        //   before == finishing   complete() does not see *me, and stores `done` last
        //   before == done        complete() has not seen *me; `done` is restored here
        ticket const joiner = key;
        auto const before = word.exchange(mine, std::memory_order_acq_rel);
        if (before == join_state::unjoined)
            return;
        if (before == join_state::done)
            word.store(before, std::memory_order_relaxed); // relaxed: no other thread reads it any more
        unpark(joiner);
    });
}

[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH void scheduler::join_by_waiting(fiber*& held) noexcept {
    join_state::joiner me{ticket{&self()}};
    park_until_ended(*held, me);
    fiber& g = *std::exchange(held, nullptr);
    if (!me.recycled)
        recycle_when_done(g);
}

// Detaches g by a plain store, and returns true, if [join.private] holds. Otherwise returns false
// and does nothing.
bool scheduler::detach_private(fiber& g) noexcept {
    machine* const m = current_machine();
    if (m == nullptr)
        return false;
    entered const inside(*m);
    if (m->p == nullptr || !m->p->holds(g))
        return false;
    g.join.word.store(join_state::detached, std::memory_order_relaxed); // [join.private]
    return true;
}

bool join_until(fiber& g, clock::time_point deadline) noexcept {
    if (g.is_from_parent()) [[unlikely]]
        return true;
    std::atomic<std::uintptr_t>& word = g.join.word;
    join_state::joiner me{self().open_wait()};
    auto const mine = reinterpret_cast<std::uintptr_t>(&me) | join_state::timed;
    auto expected = join_state::unjoined;
    // The word is set before the caller parks. The ticket is contested, so a wake-up may come at
    // any time.
    if (word.compare_exchange_strong(expected, mine, std::memory_order_release,
                                     std::memory_order_relaxed)) { // [join.wait]
        auto const end = park_until(me.key, deadline, wait_reason::join, &g, [] {});
        expected = mine;
        if (end == wait_end::timed_out &&
            word.compare_exchange_strong(expected, join_state::unjoined, std::memory_order_relaxed))
            return false;
        // Otherwise the ending fiber has found *me, and may read it until it stores `done`.
    }
    recycle_when_done(g);
    return true;
}

bool join_if_ended(fiber& g) noexcept {
    if (g.is_from_parent()) [[unlikely]]
        return true;
    // relaxed: recycle_when_done() reads the word again. While a handle is held, only the fiber's
    // end changes the word.
    if (g.join.word.load(std::memory_order_relaxed) == join_state::unjoined)
        return false;
    recycle_when_done(g);
    return true;
}

void detach(fiber& g) noexcept {
    if (g.is_from_parent()) [[unlikely]]
        return;
    if (scheduler::detach_private(g)) [[likely]]
        return;
    auto expected = join_state::unjoined;
    // [join.detach] release: what the handle's owner has done happens before the record's next use
    if (g.join.word.compare_exchange_strong(expected, join_state::detached, std::memory_order_release,
                                            std::memory_order_relaxed))
        return;
    recycle_when_done(g);
}

} // namespace fiber::rt
