// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// pin.cpp: a fiber that stays on its OS thread, and has it for itself (Go's LockOSThread).
//
// [pin] A pinned machine has a stand-in, asleep and on no list, to which its processor goes while the fiber waits.
//   Whoever finds the fiber in a queue sends his own processor, and is the stand-in from then on. So no machine
//   has to be had when there may be none.
//   A lazy pin has no stand-in before its fiber first waits. If none can be had then, the pinned machine keeps its
//   processor, and whoever finds the fiber keeps his.
//
//     pinned machine                                  finder, with a processor and the fiber
//   1 gives its processor to the stand-in           1 sent_by = itself
//   2 sleeps until wake()                           2 wake(), once for each time that the fiber is runnable
//   3 takes sent_by's processor, runs the fiber     3 sleeps until wake()
//
//   Right may come before left.1: the fiber can be woken as soon as it is off its stack. So right touches nothing
//   that left.1 uses.

#include "runtime/sched/scheduler.hpp"

#include <chrono>
#include <utility>

namespace fiber::rt {

void scheduler::pin(machine& m) {
    machine* const spare = idle_.take_spare();
    m.stand_in = spare != nullptr ? spare : &new_machine();
    pin_lazily(m);
}

void scheduler::pin_lazily(machine& m) noexcept {
    m.pinned = m.running;
    m.pinned->pinned = true;
    m.pinned->stk->pinned_to = &m;
}

void scheduler::unpin(machine& m) noexcept {
    std::exchange(m.pinned, nullptr)->pinned = false;
    if (m.stand_in != nullptr) // else a lazy pin, whose fiber has not waited
        idle_.add_spare(*std::exchange(m.stand_in, nullptr));
}

// Returns the pinned fiber, when it is runnable, and with a processor.
fiber* scheduler::wait_for_pinned(machine& m) noexcept {
    if (m.searching)
        stop_searching(m);
    if (m.p != nullptr) {
        if (m.set_aside != nullptr) // found on the way here, for another pinned machine
            m.p->put_last(*std::exchange(m.set_aside, nullptr));
        if (m.stand_in == nullptr && !find_stand_in(m))
            return m.pinned;
        machine& stand_in = *std::exchange(m.stand_in, nullptr);
        give(*std::exchange(m.p, nullptr), stand_in);
        handoffs_.fetch_add(1, std::memory_order_relaxed); // a statistic
        stand_in.wake();
    }
    end_computation(m);
    static_cast<void>(nap(m, never)); // [pin]
    machine& finder = *std::exchange(m.sent_by, nullptr);
    give(*std::exchange(finder.p, nullptr), m);
    if (m.stand_in == nullptr)
        m.stand_in = &finder;
    else
        idle_.add_spare(finder); // its processor had been retaken, so the stand-in was not needed
    return m.pinned;
}

// For a lazy pin. False: there was none before the pinned fiber became runnable, and m has kept its processor. Meanwhile the
// other fibers of that go to other processors, or wait, as they do for one that blocks when there can be no more machines.
bool scheduler::find_stand_in(machine& m) noexcept {
    constexpr auto time_between_tries = std::chrono::milliseconds(1);
    while ((m.stand_in = spare_or_new()) == nullptr) {
        fiber_list others;
        fiber* g = look_here(m);
        for (; g != nullptr && g != m.pinned; g = look_here(m))
            others.push(*g);
        if (!others.empty())
            inject(std::move(others));
        if (g == m.pinned)
            return false;
        if (nap(m, clock::now() + time_between_tries)) {
            std::exchange(m.sent_by, nullptr)->wake(); // with the processor that it has
            return false;
        }
    }
    return true;
}

void scheduler::send_to_pinned(machine& m, fiber& g) noexcept {
    machine& there = *g.stk->pinned_to;
    there.sent_by = &m;                                // m.p goes with it, unless that machine has one
    handoffs_.fetch_add(1, std::memory_order_relaxed); // a statistic
    there.wake();                                      // [pin] m belongs to that one now
    static_cast<void>(nap(m, never));
}

} // namespace fiber::rt
