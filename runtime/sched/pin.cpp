// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// pin.cpp: pins a fiber to its OS thread, which then runs no other fiber (Go's LockOSThread).
//
// [pin] A pinned machine has a stand-in, which sleeps and is on no list. While the pinned fiber waits, the
//   stand-in has the pinned machine's processor.
//   A machine that takes the fiber out of a queue is the finder. It sends its own processor to the pinned
//   machine, and becomes the new stand-in. The exchange needs no new machine, since none may be available.
//   A lazy pin has no stand-in until its fiber first waits. If none is available then, the pinned machine
//   keeps its processor, and the finder keeps its own.
//
//     pinned machine                                  finder, with a processor and the fiber
//   1 gives its processor to the stand-in           1 sent_by = itself
//   2 sleeps until wake()                           2 wake(), once for each time that the fiber is runnable
//   3 takes sent_by's processor, runs the fiber     3 sleeps until wake()
//
//   Right may come before left.1: the fiber can be woken once it is off its stack. Therefore right touches
//   nothing that left.1 uses.
//
// [pin.discard] How a machine ends when its OS thread is discarded:
//   1 The machine gives its processor to the stand-in, as in left.1.
//   2 Its fiber goes to the global queue.
//   3 The machine switches to its scheduler context without a processor, and ends there.
//   1 comes while the fiber still runs. A runtime does not stop before its last fiber has ended, so the
//   stand-in has its processor, or is on the list of spares, before the runtime stops.
//   The machine then waits for another thread: machine_pool.hpp.

#include "runtime/sched/scheduler.hpp"
#include "runtime/sched/switch_fiber.hpp"

#include <chrono>
#include <utility>

namespace fiber::rt {

void scheduler::pin(machine& m) {
    machine* const spare = idle.take_spare();
    m.stand_in = spare != nullptr ? spare : &machines.make();
    pin_lazily(m);
}

void scheduler::pin_lazily(machine& m) noexcept {
    m.pinned = m.running;
    m.pinned->pinned = true;
    m.pinned->stack->pinned_to = &m;
}

void scheduler::unpin(machine& m) noexcept {
    std::exchange(m.pinned, nullptr)->pinned = false;
    if (m.stand_in != nullptr) // null if the pin is lazy and its fiber has not waited
        idle.add_spare(*std::exchange(m.stand_in, nullptr));
}

void scheduler::end_pin(machine& m) noexcept {
    if (--m.pins != 0)
        return;
    m.enter();
    if (m.discarded) {
        m.scheduler.discard(m); // the fiber goes on with another machine
    } else {
        m.scheduler.unpin(m);
        m.leave();
    }
}

// [pin.discard] m must be inside the runtime. The fiber returns on another machine, which is not inside.
void scheduler::discard(machine& m) noexcept {
    FIBER_ASSERT(m.stand_in != nullptr); // ensured by thread_pin
    fiber& g = *m.running;
    std::exchange(m.pinned, nullptr)->pinned = false;
    machine& stand_in = *std::exchange(m.stand_in, nullptr);
    machines.discard_thread(); // before m ends: the fiber may pin again
    if (m.p != nullptr) {
        give(*std::exchange(m.p, nullptr), stand_in);
        machines.count_hand_off();
        stand_in.wake();
    } else {
        idle.add_spare(stand_in);
    }
    end_computation(m);
    yield_slow(m, g);
    current_machine()->leave(); // not m
}

// Sleeps until the pinned fiber is runnable. Returns that fiber; m has a processor then.
fiber* scheduler::wait_for_pinned(machine& m) noexcept {
    if (m.searching)
        stop_searching(m);
    if (m.p != nullptr) {
        if (m.deferred != nullptr) // a fiber of another pinned machine, found before this call
            m.p->push_back(*std::exchange(m.deferred, nullptr));
        if (m.stand_in == nullptr && !find_stand_in(m))
            return m.pinned;
        machine& stand_in = *std::exchange(m.stand_in, nullptr);
        give(*std::exchange(m.p, nullptr), stand_in);
        machines.count_hand_off();
        stand_in.wake();
    }
    end_computation(m);
    static_cast<void>(sleep_until(m, never)); // [pin]
    machine& finder = *std::exchange(m.sent_by, nullptr);
    give(*std::exchange(finder.p, nullptr), m);
    if (m.stand_in == nullptr)
        m.stand_in = &finder;
    else
        idle.add_spare(finder); // m's processor was retaken before, so the stand-in is still here
    return m.pinned;
}

// Gives m a stand-in, for a lazy pin. Returns false if the pinned fiber became runnable before a
// stand-in was available; then m has kept its processor. While m looks for a stand-in, its processor's
// other fibers go to other processors. Or they wait, as behind a machine that blocks when no machine
// can be made.
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
            std::exchange(m.sent_by, nullptr)->wake(); // the finder keeps its processor
            return false;
        }
    }
    return true;
}

void scheduler::send_to_pinned(machine& m, fiber& g) noexcept {
    machine& there = *g.stack->pinned_to;
    there.sent_by = &m; // `there` takes m.p, unless it has a processor
    machines.count_hand_off();
    there.wake(); // [pin] from here on, m belongs to `there`
    static_cast<void>(sleep_until(m, never));
}

} // namespace fiber::rt
