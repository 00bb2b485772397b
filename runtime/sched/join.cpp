// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/join.hpp"

#include "runtime/base/atomics/backoff.hpp"
#include "runtime/park.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber_lifecycle.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/processor.hpp"
#include "runtime/sched/publish.hpp"
#include "runtime/sched/switch_fiber.hpp"
#include "runtime/wait_observer.hpp"

#include <utility>

namespace fiber::rt {

// ── the fiber ends ──

namespace {

// Completes the end of a fiber that has a handle, or a joiner with a deadline. The handle's owner,
// or this joiner, recycles the record.
void complete_unjoined(fiber& g, std::uintptr_t seen) noexcept {
    ticket joiner;
    if (join_state::joined(seen))
        joiner = join_state::joiner_in(seen).key;
    g.join.word.store(join_state::done,
                      std::memory_order_release); // [join.done] g may be recycled here, by the handle's owner
    if (joiner.who != nullptr && agent::claim(joiner))
        unpark(joiner);
}

// Does what unpark() does, and takes less time if the joiner is a fiber of the same scheduler.
void wake_joiner(machine& m, ticket joiner) noexcept {
    if (joiner.who->is_fiber()) [[likely]] {
        auto& g = static_cast<fiber&>(*joiner.who);
        if (g.scheduler == &m.scheduler) [[likely]] {
            g.move(fiber_state::parked, fiber_state::runnable);
            push_next(m, g);
            return;
        }
    }
    unpark(joiner);
}

} // namespace

void complete(machine& m, fiber& g) noexcept {
    std::atomic<std::uintptr_t>& word = g.join.word;
    auto seen = word.load(std::memory_order_acquire); // [join.detach] [join.wait]
    if (!join_state::is_final(seen))
        seen = word.exchange(join_state::finishing, std::memory_order_acq_rel); // [join.detach] [join.wait]
    if (seen == join_state::detached) {
        recycle_fiber(m, g);
        return;
    }
    if (join_state::is_final(seen)) {
        auto& joiner = join_state::joiner_in(seen);
        ticket const key = joiner.key;
        joiner.recycled = true;
        recycle_fiber(m, g);
        wake_joiner(m, key);
        return;
    }
    complete_unjoined(g, seen);
}

// ── the owner of the handle ──

// [join.private] A fiber in the lists of the caller's processor cannot begin before the caller's
// machine has left this stack or the runtime. Therefore a plain store to its word is enough. It
// costs nothing, while an exchange takes the time of a switch. Most fibers are joined or detached
// in this way, right after their start.

namespace {

// Waits until g's end is done, then recycles g. An ending fiber that has made its last switch has a
// few instructions left, but its machine may lose its CPU there. noinline, so that callers that
// need not wait have no registers to save.
[[gnu::noinline]] void recycle_when_done(fiber& g) noexcept {
    spin_until(
        [&g] { return g.join.word.load(std::memory_order_acquire) == join_state::done; }); // [join.done]
    recycle_fiber(g);
}

[[gnu::always_inline]] inline void park_until_ended(fiber& g, join_state::joiner& me) noexcept {
    std::atomic<std::uintptr_t>& word = g.join.word;
    auto const mine = reinterpret_cast<std::uintptr_t>(&me);
    machine* const m = current_machine();
    if (m != nullptr && observer_of_waits == nullptr) [[likely]] { // rt::park, below, tells an observer
        m->enter();
        if (m->p != nullptr && m->p->holds(g)) [[likely]] {
            word.store(mine, std::memory_order_relaxed); // [join.private]
            park_fiber(*m, wait_reason::join, &g, nullptr, nullptr);
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

[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH void join_by_waiting(fiber*& held) noexcept {
    join_state::joiner me{ticket{&self()}};
    park_until_ended(*held, me);
    fiber& g = *std::exchange(held, nullptr);
    if (!me.recycled)
        recycle_when_done(g);
}

// Detaches g by a plain store, and returns true, if [join.private] holds. Otherwise returns false
// and does nothing.
bool detach_private(fiber& g) noexcept {
    machine* const m = current_machine();
    if (m == nullptr)
        return false;
    entered const inside(*m);
    if (m->p == nullptr || !m->p->holds(g))
        return false;
    g.join.word.store(join_state::detached, std::memory_order_relaxed); // [join.private]
    return true;
}

} // namespace

// [fork] A fiber of the parent process does not run in this process. To the owner of its handle it
// has ended.
void join(fiber*& held) noexcept {
    fiber& g = *held;
    if (!g.is_from_parent()) [[likely]] {
        if (g.join.word.load(std::memory_order_acquire) <= join_state::detached) { // [join.done]
            join_by_waiting(held);
            return;
        }
        recycle_when_done(g);
    }
    held = nullptr;
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
    if (detach_private(g)) [[likely]]
        return;
    auto expected = join_state::unjoined;
    // [join.detach] release: what the handle's owner has done happens before the record's next use
    if (g.join.word.compare_exchange_strong(expected, join_state::detached, std::memory_order_release,
                                            std::memory_order_relaxed))
        return;
    recycle_when_done(g);
}

} // namespace fiber::rt
