// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// spawn.cpp: a fiber's beginning and end, as those outside of it see them: records taken and given back,
// joined and detached.

#include "runtime/base/backoff.hpp"
#include "runtime/park.hpp"
#include "runtime/process/runtimes.hpp"
#include "runtime/sched/join.hpp"
#include "runtime/sched/name.hpp"
#include "runtime/sched/outsiders.hpp"
#include "runtime/sched/scheduler.hpp"

#include "asm/floating_point.hpp"

#include <fiber/go.hpp>

#include <memory>
#include <new>
#include <system_error>
#include <utility>

namespace fiber::rt {
namespace {

// A name, and a credit or, of a size that processors do not keep, the stack itself.
void equip(fiber& g, attributes const& how, resources& from, stack_source usual) {
    stack_class& wanted =
        how.stack_size == 0 ? from.stacks_from(usual).of() : stack_class::of_size(how.stack_size);
    set_name(g, how.name);
    g.stack_from = from.source_of(wanted);
    if (g.stack_from != stack_source::depot) {
        from.stacks_from(g.stack_from).take_credit();
    } else {
        wanted.reserve(1);
        std::size_t one = 1;
        g.stk = wanted.take(one, one);
    }
}

[[gnu::noinline]] fiber& make_special(resources& from, attributes const& how, stack_source usual) {
    fiber& g = from.fibers.take();
    try {
        equip(g, how, from, usual);
    } catch (...) {
        clear_name(g);
        from.fibers.give(g);
        throw;
    }
    return g;
}

inline fiber& make(resources& from, attributes const& how, stack_source usual) {
    if (how.stack_size != 0 || !how.name.empty()) [[unlikely]]
        return make_special(from, how, usual);
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

void unmake(resources& to, fiber& g) noexcept {
    clear_name(g);
    if (g.stk == nullptr) {
        to.stacks_from(g.stack_from).give_credit();
    } else {
        stack_class& of = g.stk->of;
        of.give(g.stk);
        of.unreserve(1);
        g.stk = nullptr;
    }
    g.sched = nullptr;
    to.fibers.give(g);
}

// A fiber past its last switch has a few instructions to go; its machine may have lost its CPU among them. A function of its
// own, so that who need not wait for that saves no registers.
[[gnu::noinline]] void recycle_when_done(fiber& g) noexcept {
    spin_until(
        [&g] { return g.life.word.load(std::memory_order_acquire) == life_word::done; }); // [life.done]
    scheduler::recycle(g);
}

} // namespace

[[gnu::always_inline]] inline fiber& scheduler::begin_life(fiber& g) noexcept {
    if (g.stk != nullptr && g.stk->context.sp == nullptr) [[unlikely]]
        prepare(*g.stk);
    g.sched = this;
    g.why = wait_reason::none; // why and what are of its last life
    g.what = nullptr;
    g.life.word.store(life_word::unjoined, std::memory_order_relaxed); // published with the handle
    return g;
}

[[gnu::always_inline]] inline fiber& scheduler::new_fiber_like(beginning b, attributes const& how) {
    machine* const m = current_machine();
    if (m == nullptr || &m->sched != this) [[unlikely]]
        return new_fiber_outside(b, how);
    entered const inside(*m);
    if (!has_processor(*m)) [[unlikely]]
        return new_fiber_outside(b, how);
    resources& from = m->p->idle;
    return begin_life(make(from, how, b == beginning::thread ? from.for_threads : stack_source::usual));
}

fiber& scheduler::new_fiber(attributes const& how) { return new_fiber_like(beginning::fiber, how); }
fiber& scheduler::new_thread(attributes const& how) { return new_fiber_like(beginning::thread, how); }

fiber& scheduler::new_fiber_outside(beginning b, attributes const& how) {
    std::lock_guard const hold(outsiders_->lock);
    resources& from = outsiders_->idle;
    return begin_life(make(from, how, b == beginning::thread ? from.for_threads : stack_source::usual));
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
    machine* const m = current_machine();
    stay_inside const inside(m);
    if (m != nullptr && has_processor(*m)) {
        recycle(*m, g);
    } else {
        g.sched = nullptr;
        fiber_cache::give_to_depot(g);
    }
}

void scheduler::recycle(machine& m, fiber& g) noexcept {
    FIBER_ASSERT(g.state == fiber_state::dead && g.stk == nullptr);
    g.sched = nullptr;
    m.p->idle.fibers.give(g);
}

// By the fiber's own machine, when all else is done: hands the record to whoever holds it, or recycles it.
void scheduler::end_life(machine& m, fiber& g) noexcept {
    std::atomic<std::uintptr_t>& word = g.life.word;
    auto seen = word.load(std::memory_order_acquire); // [life.detach] [life.join]
    if (!life_word::settled(seen))
        seen = word.exchange(life_word::finishing, std::memory_order_acq_rel); // [life.detach] [life.join]
    if (seen == life_word::detached) {
        recycle(m, g);
        return;
    }
    if (life_word::settled(seen)) {
        auto& joiner = life_word::joiner_in(seen);
        ticket const key = joiner.key;
        joiner.recycled = true;
        recycle(m, g);
        wake_joiner(m, key);
        return;
    }
    end_unjoined_life(g, seen);
}

// For a handle, or one who joins with a limit, and sees to the record himself.
void scheduler::end_unjoined_life(fiber& g, std::uintptr_t seen) noexcept {
    ticket joiner;
    if (life_word::joined(seen))
        joiner = life_word::joiner_in(seen).key;
    g.life.word.store(life_word::done,
                      std::memory_order_release); // [life.done] g is gone: it is the handle's
    if (joiner.who != nullptr && party::claim(joiner))
        unpark(joiner);
}

// As unpark, for one who mostly belongs to the same runtime.
void scheduler::wake_joiner(machine& m, ticket joiner) noexcept {
    if (joiner.who->is_fiber()) [[likely]] {
        auto& g = static_cast<fiber&>(*joiner.who);
        if (g.sched == &m.sched) [[likely]] {
            g.move(fiber_state::parked, fiber_state::runnable);
            m.sched.put_next(m, g);
            return;
        }
    }
    unpark(joiner);
}

// [life.private] A fiber that stands in the lists of the caller's processor cannot begin before the caller's machine is
// off this stack, or has left the runtime: so its word is written with a plain store, which costs nothing, where an
// exchange takes as long as a switch. That is how it is for most: joined or detached right after they were started.

// [fork] A fiber that has stayed behind does not run in this process: for whoever holds its handle, it has ended.
void join(fiber*& held) noexcept {
    fiber& g = *held;
    if (!g.stayed_behind()) [[likely]] {
        if (g.life.word.load(std::memory_order_acquire) <= life_word::detached) { // [life.done]
            scheduler::join_by_waiting(held);
            return;
        }
        recycle_when_done(g);
    }
    held = nullptr;
}

[[gnu::always_inline]] inline void scheduler::park_until_ended(fiber& g, life_word::joiner& me) noexcept {
    std::atomic<std::uintptr_t>& word = g.life.word;
    auto const mine = reinterpret_cast<std::uintptr_t>(&me);
    machine* const m = current_machine();
    if (m != nullptr && observer_of_waits == nullptr) [[likely]] { // park tells that one
        m->enter();
        if (m->p != nullptr && m->p->holds(g)) [[likely]] {
            word.store(mine, std::memory_order_relaxed); // [life.private]
            park(*m, wait_reason::join, &g, nullptr, nullptr);
            return;
        }
        m->leave();
    }
    rt::park(wait_reason::join, &g, [&word, mine, key = me.key] {
        // [life.join] release: end_life reads *me. An exchange takes half as long as a compare-exchange. If it is
        // too late for end_life to see *me, the word is put right, or will be by end_life, which stores `done`
        // last. If not, word and me may be gone.
        ticket const joiner = key;
        auto const before = word.exchange(mine, std::memory_order_acq_rel);
        if (before == life_word::unjoined)
            return;
        if (before == life_word::done)
            word.store(before, std::memory_order_relaxed); // nobody else looks at it any more
        unpark(joiner);
    });
}

[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH void scheduler::join_by_waiting(fiber*& held) noexcept {
    life_word::joiner me{ticket{&self()}};
    park_until_ended(*held, me);
    fiber& g = *std::exchange(held, nullptr);
    if (!me.recycled)
        recycle_when_done(g);
}

// True: done.
bool scheduler::detach_private(fiber& g) noexcept {
    machine* const m = current_machine();
    if (m == nullptr)
        return false;
    entered const inside(*m);
    if (m->p == nullptr || !m->p->holds(g))
        return false;
    g.life.word.store(life_word::detached, std::memory_order_relaxed); // [life.private]
    return true;
}

bool join_until(fiber& g, clock::time_point deadline) noexcept {
    if (g.stayed_behind()) [[unlikely]]
        return true;
    std::atomic<std::uintptr_t>& word = g.life.word;
    life_word::joiner me{self().open_wait()};
    auto const mine = reinterpret_cast<std::uintptr_t>(&me) | life_word::with_limit;
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
    recycle_when_done(g);
    return true;
}

bool join_if_ended(fiber& g) noexcept {
    if (g.stayed_behind()) [[unlikely]]
        return true;
    // relaxed: recycle_when_done looks again. Nobody but its end changes the word of a fiber that is held
    if (g.life.word.load(std::memory_order_relaxed) == life_word::unjoined)
        return false;
    recycle_when_done(g);
    return true;
}

void detach(fiber& g) noexcept {
    if (g.stayed_behind()) [[unlikely]]
        return;
    if (scheduler::detach_private(g)) [[likely]]
        return;
    auto expected = life_word::unjoined;
    // [life.detach] release: what the handle's owner did before happens before the record's next use
    if (g.life.word.compare_exchange_strong(expected, life_word::detached, std::memory_order_release,
                                            std::memory_order_relaxed))
        return;
    recycle_when_done(g);
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

// The closure of a fiber that begins with other control modes than the default ones. The record has no room for them: it has
// this one's address in place of the closure.
struct closure_with_modes {
    explicit closure_with_modes(arch::control_modes const& m) noexcept : modes(m) {}

    arch::control_modes const modes;
    closure_entry entry = nullptr;
    alignas(inline_closure_alignment) std::byte closure[inline_closure_size];

    [[nodiscard]] static closure_with_modes& at(void* place) noexcept {
        return *reinterpret_cast<closure_with_modes*>(static_cast<std::byte*>(place) -
                                                      offsetof(closure_with_modes, closure));
    }
    static void run(void* place) {
        std::unique_ptr<closure_with_modes> const mine(*static_cast<closure_with_modes**>(place));
        mine->modes.load();
        mine->entry(mine->closure);
    }
};

[[gnu::noinline]] void* place_with_modes(rt::fiber& g, arch::control_modes const& modes) {
    try {
        return (new closure_with_modes(modes))->closure;
    } catch (...) {
        g.sched->abandon(g);
        throw;
    }
}

inline void* place_in(rt::fiber& g, arch::control_modes const& modes) {
    if (modes.are_default()) [[likely]]
        return g.closure;
    return place_with_modes(g, modes);
}

} // namespace

spawn::spawn(rt::scheduler* where, attributes const& how) {
    arch::control_modes const modes;
    fiber_ = &(where != nullptr ? rt::usable(*where) : here()).new_fiber(how);
    place_ = place_in(*fiber_, modes);
}

spawn::spawn(like_a_thread, attributes const& how) {
    arch::control_modes const modes;
    fiber_ = &here().new_thread(how);
    place_ = place_in(*fiber_, modes);
}

void spawn::abandon(rt::fiber& g, void* place) noexcept {
    if (place != g.closure)
        delete &closure_with_modes::at(place);
    if (!g.stayed_behind()) // [fork] while the closure was made
        g.sched->abandon(g);
}

// Not inlined, by link-time optimisation either: its caller is what it notes.
[[gnu::noinline]] rt::fiber* spawn::start(rt::fiber& g, closure_entry entry, void* place) noexcept {
    if (place != g.closure) [[unlikely]] {
        auto& with_modes = closure_with_modes::at(place);
        with_modes.entry = std::exchange(entry, closure_with_modes::run);
        ::new (g.closure) closure_with_modes*(&with_modes);
    }
    g.entry = entry;
    g.started_at = __builtin_return_address(0);
    if (!g.stayed_behind()) [[likely]] // [fork] while the closure was made
        g.sched->start(g);
    return &g;
}

} // namespace fiber::detail
