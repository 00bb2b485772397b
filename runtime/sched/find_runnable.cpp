// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// find_runnable.cpp: what a machine does in its scheduler context: look here, look around, search, sleep.

#include "runtime/sched/scheduler.hpp"

#include <algorithm>
#include <utility>

namespace fiber::rt {
namespace {

// A search goes on for about 20 µs: as long as waking a machine takes, so that at worst it costs twice what
// it saves.
constexpr int search_rounds = 60;
constexpr int pauses_between_rounds = 8;
// How long a fiber must stand in a running processor's `next` before a thief takes it: about 3 µs. That
// processor is better placed to run it.
constexpr int pauses_before_next = 80;

constexpr std::size_t most_global_at_once = run_queue::capacity / 2;

void pause(int times) noexcept {
    while (times-- > 0)
        cpu_relax();
}

} // namespace

fiber* scheduler::find_runnable(machine& m) noexcept {
    while (!stopping_.load(std::memory_order_relaxed)) { // [stop] sleep() orders it
        if (retired(m)) {
            retire(m);
            continue;
        }
        fiber* g = look_here(m);
        if (g == nullptr)
            g = search(m);
        if (g != nullptr) {
            if (m.searching)
                stop_searching(m);
            return g;
        }
        sleep(m);
    }
    return nullptr;
}

fiber* scheduler::look_here(machine& m) noexcept {
    if (!m.p->timers.empty())
        run_timers(m, *m.p);
    if (due_for_a_look(m))
        if (fiber* const g = global_.pop_list(1))
            return g;
    if (fiber* const g = m.p->take_local())
        return g;
    return take_global(m);
}

// A fair share of the global queue: the first to run, the others into the own queue, which is empty.
fiber* scheduler::take_global(machine& m) noexcept {
    fiber* const first = global_.pop_list(std::min(global_.size() / processors() + 1, most_global_at_once));
    if (first == nullptr)
        return nullptr;
    for (fiber* g = first->link; g != nullptr;) {
        fiber* const after = g->link; // once g is in the queue, a thief may run it
        put_last(m, *g);
        g = after;
    }
    return first;
}

fiber* scheduler::search(machine& m) noexcept {
    if (made_.load(std::memory_order_relaxed) == 1)
        return nullptr;
    if (!m.searching && !(m.searching = idle_.start_searching(processors())))
        return nullptr;
    for (int round = 1; round <= search_rounds; ++round) {
        bool const last = round == search_rounds;
        if (fiber* const g = take_global(m))
            return g;
        if (fiber* const g = steal(m, last ? thoroughness::everything : thoroughness::queues))
            return g;
        pause(pauses_between_rounds);
    }
    return nullptr;
}

fiber* scheduler::steal(machine& m, thoroughness what) noexcept {
    unsigned const n = made_.load(std::memory_order_acquire); // [made]
    unsigned const start = m.p->random.below(n);
    for (unsigned i = 0; i < n; ++i) {
        processor& victim = *processors_[(start + i) % n];
        if (&victim == m.p)
            continue;
        fiber* g = victim.queue.empty() ? nullptr : m.p->queue.steal_half_from(victim.queue);
        if (g == nullptr && what == thoroughness::everything) {
            g = steal_next(victim);
            if (g == nullptr && run_timers(m, victim))
                g = m.p->take_local();
        }
        if (g != nullptr) {
            ++m.p->steals;
            return g;
        }
    }
    return nullptr;
}

fiber* scheduler::steal_next(processor& victim) noexcept {
    fiber const* const seen = victim.peek_next();
    if (seen == nullptr)
        return nullptr;
    auto const tick = victim.tick.read();
    pause(pauses_before_next);
    return victim.peek_next() == seen && victim.tick.read() == tick ? victim.take_next() : nullptr;
}

// Makes those runnable whose time has come; true if there were any.
bool scheduler::run_timers(machine& m, processor& whose) noexcept {
    if (whose.timers.empty())
        return false;
    timer* t = whose.timers.expire(clock::now());
    std::size_t n = 0;
    for (; t != nullptr; ++n) {
        timer* const after = t->next;
        ticket const key = t->key;
        if (party::settle(key)) { // *t is gone: it was on the stack of the one just woken, if not before
            auto& g = static_cast<fiber&>(*key.who);
            g.move(fiber_state::parked, fiber_state::runnable);
            put_last(m, g);
        }
        t = after;
    }
    if (n != 0 && m.p->has_backlog())
        idle_.wake_one();
    return n != 0;
}

bool scheduler::work_in_sight() const noexcept {
    if (!global_.empty())
        return true;
    unsigned const n = made_.load(std::memory_order_acquire); // [made]
    return std::any_of(&processors_[0], &processors_[n], [](auto const& p) { return !p->queue.empty(); });
}

// While it searched, others did not wake anyone: should it have been the only one, it does so for them.
void scheduler::stop_searching(machine& m) noexcept {
    m.searching = false;
    if (idle_.stop_searching() && work_in_sight())
        idle_.wake_one();
}

// Returns when there is something to look for: work published, a timer due, the end. See [idle.wake].
void scheduler::sleep(machine& m) noexcept {
    bool const was_searching = std::exchange(m.searching, false);
    idle_.enlist(m); // from here on, m.searching is its waker's
    if (was_searching)
        static_cast<void>(idle_.stop_searching()); // last or not, it looks once more
    full_fence();                                  // [idle.wake] [stop]
    bool const called_off = stopping_.load(std::memory_order_relaxed) || work_in_sight();
    if (called_off && idle_.withdraw(m))
        return;
    if (closing_.load(std::memory_order_relaxed)) // [close]
        tell_closer_if_empty();
    bool const woken = m.sleep_until(called_off ? never : m.p->timers.earliest());
    if (!woken && !idle_.withdraw(m))
        static_cast<void>(m.sleep_until(never)); // the wake is on its way
    sysmon_.machine_awake();
}

} // namespace fiber::rt
