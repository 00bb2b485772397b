// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// spawn.cpp: a fiber's beginning and end, as those outside of it see them: records taken and given back,
// joined and detached.

#include "runtime/park.hpp"
#include "runtime/process/runtimes.hpp"
#include "runtime/sched/join.hpp"
#include "runtime/sched/name.hpp"
#include "runtime/sched/outsiders.hpp"
#include "runtime/sched/scheduler.hpp"

#include <fiber/go.hpp>

#include <sched.h>
#include <system_error>

namespace fiber::rt {
namespace {

// A credit, or for other sizes than the usual one the stack itself. All or nothing.
void equip(fiber& g, attributes const& how, stack_cache& usual) {
    stack_class& wanted = how.stack_size == 0 ? usual.of() : stack_class::of_size(how.stack_size);
    set_name(g, how.name);
    if (&wanted == &usual.of()) {
        usual.take_credit();
    } else {
        wanted.reserve(1);
        std::size_t one = 1;
        g.stk = wanted.take(one, one);
    }
}

fiber& make(resources& from, attributes const& how) {
    fiber& g = from.fibers.take();
    try {
        equip(g, how, from.stacks);
    } catch (...) {
        clear_name(g);
        from.fibers.give(g);
        throw;
    }
    return g;
}

void unmake(resources& to, fiber& g) noexcept {
    clear_name(g);
    if (g.stk == nullptr) {
        to.stacks.give_credit();
    } else {
        stack_class& of = g.stk->of;
        of.give(g.stk);
        of.unreserve(1);
        g.stk = nullptr;
    }
    g.sched = nullptr;
    to.fibers.give(g);
}

// A fiber past its last switch has a few instructions to go; its machine may have lost its CPU among them.
void wait_until_done(life_word const& life) noexcept {
    for (int i = 0; life.word.load(std::memory_order_acquire) != life_word::done; ++i) // [life.done]
        i % 64 == 63 ? static_cast<void>(::sched_yield()) : cpu_relax();
}

} // namespace

fiber& scheduler::new_fiber(attributes const& how) {
    machine* const m = current_machine();
    stay_inside const inside(m);
    fiber* g = nullptr;
    if (m != nullptr && &m->sched == this && has_processor(*m)) {
        g = &make(m->p->idle, how);
    } else {
        std::lock_guard const hold(outsiders_->lock);
        g = &make(outsiders_->idle, how);
    }
    g->sched = this;
    g->life.word.store(life_word::unjoined, std::memory_order_relaxed); // published with the handle
    return *g;
}

void scheduler::abandon(fiber& g) noexcept {
    machine* const m = current_machine();
    stay_inside const inside(m);
    if (m != nullptr && &m->sched == this && has_processor(*m)) {
        unmake(m->p->idle, g);
    } else {
        std::lock_guard const hold(outsiders_->lock);
        unmake(outsiders_->idle, g);
    }
}

void scheduler::recycle(fiber& g) noexcept {
    FIBER_ASSERT(g.state == fiber_state::dead && g.stk == nullptr);
    g.sched = nullptr;
    machine* const m = current_machine();
    stay_inside const inside(m);
    if (m != nullptr && has_processor(*m))
        m->p->idle.fibers.give(g);
    else
        fiber_cache::give_to_depot(g);
}

// By the fiber's own machine, when all else is done: hands the record to whoever waits for it or holds it.
void scheduler::end_life(fiber& g) noexcept {
    std::atomic<std::uintptr_t>& word = g.life.word;
    if (word.load(std::memory_order_acquire) == life_word::detached) { // [life.detach] a final value
        recycle(g);
        return;
    }
    auto const before =
        word.exchange(life_word::finishing, std::memory_order_acq_rel); // [life.join] [life.detach]
    if (before == life_word::detached) {
        recycle(g);
        return;
    }
    ticket joiner;
    if (before != life_word::unjoined) // it stays in its wait until `done`
        joiner = reinterpret_cast<life_word::joiner const*>(before)->key;
    word.store(life_word::done, std::memory_order_release); // [life.done] g is gone: it is the handle's
    if (joiner.who != nullptr && party::claim(joiner))
        unpark(joiner);
}

// [fork] A fiber that has stayed behind does not run in this process: for whoever holds its handle, it has ended.
void join(fiber& g) noexcept {
    if (g.stayed_behind()) [[unlikely]]
        return;
    std::atomic<std::uintptr_t>& word = g.life.word;
    if (word.load(std::memory_order_acquire) <= life_word::detached) { // [life.done]
        life_word::joiner me{ticket{&self()}};
        park(wait_reason::join, &g, [&word, &me] {
            ticket const mine = me.key;
            // [life.join] release: end_life reads *me. An exchange takes half as long as a compare-exchange. If it is
            // too late for end_life to see *me, the word is put right, or will be by end_life, which stores `done`
            // last. If not, word and me may be gone.
            auto const before =
                word.exchange(reinterpret_cast<std::uintptr_t>(&me), std::memory_order_acq_rel);
            if (before == life_word::unjoined)
                return;
            if (before == life_word::done)
                word.store(before, std::memory_order_relaxed); // nobody else looks at it any more
            unpark(mine);
        });
    }
    wait_until_done(g.life);
    scheduler::recycle(g);
}

bool join_until(fiber& g, clock::time_point deadline) noexcept {
    if (g.stayed_behind()) [[unlikely]]
        return true;
    std::atomic<std::uintptr_t>& word = g.life.word;
    life_word::joiner me{self().open_wait()};
    auto const mine = reinterpret_cast<std::uintptr_t>(&me);
    auto expected = life_word::unjoined;
    // Before it parks: the ticket is a contested one, so a wake may come at any time.
    if (word.compare_exchange_strong(expected, mine, std::memory_order_release,
                                     std::memory_order_relaxed)) { // [life.join]
        auto const end = park_until(me.key, deadline, wait_reason::join, &g, [] {});
        expected = mine;
        if (end == wait_end::timed_out &&
            word.compare_exchange_strong(expected, life_word::unjoined, std::memory_order_relaxed))
            return false;
        // Otherwise the fiber has found *me, and looks at it until it says `done`.
    }
    wait_until_done(g.life);
    scheduler::recycle(g);
    return true;
}

void detach(fiber& g) noexcept {
    if (g.stayed_behind()) [[unlikely]]
        return;
    auto expected = life_word::unjoined;
    // [life.detach] release: what the handle's owner did before happens before the record's next use
    if (g.life.word.compare_exchange_strong(expected, life_word::detached, std::memory_order_release,
                                            std::memory_order_relaxed))
        return;
    wait_until_done(g.life);
    scheduler::recycle(g);
}

} // namespace fiber::rt

namespace fiber::detail {
namespace {

// The runtime that a free go() means.
rt::scheduler& here() {
    if (rt::machine const* const m = rt::current_machine())
        return m->sched;
    return rt::global_scheduler();
}

} // namespace

spawn::spawn(rt::scheduler* where, attributes const& how)
    : fiber_(&(where != nullptr ? rt::usable(*where) : here()).new_fiber(how)), place_(fiber_->closure) {}

spawn::~spawn() {
    if (fiber_ != nullptr && !fiber_->stayed_behind()) // [fork] while the closure was made
        fiber_->sched->abandon(*fiber_);
}

rt::fiber* spawn::start(closure_entry entry) noexcept {
    rt::fiber* const g = std::exchange(fiber_, nullptr);
    g->entry = entry;
    if (!g->stayed_behind()) [[likely]] // [fork] while the closure was made
        g->sched->start(*g);
    return g;
}

} // namespace fiber::detail
