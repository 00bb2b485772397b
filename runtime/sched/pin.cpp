// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// pin.cpp: a fiber that stays on its OS thread, and has it for itself (Go's LockOSThread).
//
// [pin] A pinned machine has a stand-in, asleep and on no list, to which its processor goes while the fiber waits.
//   Whoever finds the fiber in a queue sends his own processor, and is the stand-in from then on. So no machine
//   has to be had when there may be none.
//   A lazy pin has no stand-in before its fiber first waits. If none can be had then, the pinned machine keeps its
//   processor, and the finder keeps its own.
//
//     pinned machine                                  finder, with a processor and the fiber
//   1 gives its processor to the stand-in           1 sent_by = itself
//   2 sleeps until wake()                           2 wake(), once for each time that the fiber is runnable
//   3 takes sent_by's processor, runs the fiber     3 sleeps until wake()
//
//   Right may come before left.1: the fiber can be woken as soon as it is off its stack. So right touches nothing
//   that left.1 uses.
//
// [pin.discard] A machine whose OS thread is discarded gives its processor to the stand-in, as in left.1, and comes to its
//   scheduler context without one, where it ends. Its fiber goes there by way of the global queue, which is why this is done
//   while it still runs: a runtime does not stop before its last fiber has ended, so the stand-in is seen to before that.
//   The thread is detached, and leaves its machine to the next thread that is made. Whether it detaches itself or is joined by
//   stop() is settled under `vacating_`: either stop() has taken its handle first, or finds none, and the thread touches
//   nothing of the runtime any more once it has let go of that lock.

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
    m.pinned->stack->pinned_to = &m;
}

void scheduler::unpin(machine& m) noexcept {
    std::exchange(m.pinned, nullptr)->pinned = false;
    if (m.stand_in != nullptr) // else a lazy pin, whose fiber has not waited
        idle_.add_spare(*std::exchange(m.stand_in, nullptr));
}

void scheduler::end_pin(machine& m) noexcept {
    if (--m.pins != 0)
        return;
    m.enter();
    if (m.discarded) {
        m.scheduler.discard(m); // m is left behind
    } else {
        m.scheduler.unpin(m);
        m.leave();
    }
}

// [pin.discard] Inside before; after, the machine that the fiber goes on with is not.
void scheduler::discard(machine& m) noexcept {
    FIBER_ASSERT(m.stand_in != nullptr); // a thread_pin has seen to that
    fiber& g = *m.running;
    std::exchange(m.pinned, nullptr)->pinned = false;
    machine& stand_in = *std::exchange(m.stand_in, nullptr);
    machines_made_.fetch_sub(1, std::memory_order_relaxed); // at once: the fiber may want to pin the next one
    if (m.p != nullptr) {
        give(*std::exchange(m.p, nullptr), stand_in);
        handoffs_.fetch_add(1, std::memory_order_relaxed); // a statistic
        stand_in.wake();
    } else {
        idle_.add_spare(stand_in);
    }
    end_computation(m);
    yield_slow(m, g);
    current_machine()->leave(); // another one
}

machine* scheduler::take_vacant() noexcept {
    std::lock_guard const hold(vacating_);
    machine* const m = first_vacant_;
    if (m != nullptr)
        first_vacant_ = m->next_listed;
    return m;
}

void scheduler::add_vacant(machine& m) noexcept {
    std::lock_guard const hold(vacating_);
    m.next_listed = std::exchange(first_vacant_, &m);
}

// [pin.discard] By stop().
os_thread scheduler::take_thread(machine& m) noexcept {
    std::lock_guard const hold(vacating_);
    return std::move(m.os_thread);
}

// [pin.discard] By the discarded thread, at its end. m may be another thread's machine afterwards.
void scheduler::vacate(machine& m) noexcept {
    std::lock_guard const hold(vacating_);
    m.os_thread.detach();
    m.discarded = false;
    m.asleep = true;
    m.next_listed = std::exchange(first_vacant_, &m);
}

// Returns the pinned fiber, when it is runnable, and with a processor.
fiber* scheduler::wait_for_pinned(machine& m) noexcept {
    if (m.searching)
        stop_searching(m);
    if (m.p != nullptr) {
        if (m.deferred != nullptr) // found on the way here, for another pinned machine
            m.p->push_back(*std::exchange(m.deferred, nullptr));
        if (m.stand_in == nullptr && !find_stand_in(m))
            return m.pinned;
        machine& stand_in = *std::exchange(m.stand_in, nullptr);
        give(*std::exchange(m.p, nullptr), stand_in);
        handoffs_.fetch_add(1, std::memory_order_relaxed); // a statistic
        stand_in.wake();
    }
    end_computation(m);
    static_cast<void>(sleep_until(m, never)); // [pin]
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
        fiber* g = find_local(m);
        for (; g != nullptr && g != m.pinned; g = find_local(m))
            others.push(*g);
        if (!others.empty())
            inject(std::move(others));
        if (g == m.pinned)
            return false;
        if (sleep_until(m, clock::now() + time_between_tries)) {
            std::exchange(m.sent_by, nullptr)->wake(); // with the processor that it has
            return false;
        }
    }
    return true;
}

void scheduler::send_to_pinned(machine& m, fiber& g) noexcept {
    machine& there = *g.stack->pinned_to;
    there.sent_by = &m;                                // m.p goes with it, unless that machine has one
    handoffs_.fetch_add(1, std::memory_order_relaxed); // a statistic
    there.wake();                                      // [pin] m belongs to that one now
    static_cast<void>(sleep_until(m, never));
}

} // namespace fiber::rt
