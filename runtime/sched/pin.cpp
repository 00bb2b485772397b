// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/pin.hpp"

#include "runtime/sched/current.hpp"
#include "runtime/sched/hand_off.hpp"
#include "runtime/sched/ready.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/sched/switch_fiber.hpp"

#include <chrono>
#include <utility>

namespace fiber::rt {

void pin(machine& m) {
    machine* const spare = m.scheduler.work.idle.take_spare();
    m.stand_in = spare != nullptr ? spare : &m.scheduler.machines.make();
    pin_lazily(m);
}

void pin_lazily(machine& m) noexcept {
    m.pinned = m.running;
    m.pinned->pinned = true;
    m.pinned->stack->pinned_to = &m;
}

namespace {

void unpin(machine& m) noexcept {
    std::exchange(m.pinned, nullptr)->pinned = false;
    if (m.stand_in != nullptr) // null if the pin is lazy and its fiber has not waited
        m.scheduler.work.idle.add_spare(*std::exchange(m.stand_in, nullptr));
}

// [pin.discard] m must be inside the runtime. The fiber returns on another machine, which is not inside.
void discard(machine& m) noexcept {
    FIBER_ASSERT(m.stand_in != nullptr); // ensured by thread_pin
    fiber& g = *m.running;
    std::exchange(m.pinned, nullptr)->pinned = false;
    machine& stand_in = *std::exchange(m.stand_in, nullptr);
    m.scheduler.machines.discard_thread(); // before m ends: the fiber may pin again
    if (m.p != nullptr) {
        give_and_wake(m, stand_in);
    } else {
        m.scheduler.work.idle.add_spare(stand_in);
    }
    end_computation(m);
    yield_slow(m, g);
    current_machine()->leave(); // not m
}

} // namespace

void end_pin(machine& m) noexcept {
    if (--m.pins != 0)
        return;
    m.enter();
    if (m.discarded) {
        discard(m); // the fiber goes on with another machine
    } else {
        unpin(m);
        m.leave();
    }
}

namespace {

// Gives m a stand-in, for a lazy pin. Returns false if the pinned fiber became runnable before a
// stand-in was available; then m has kept its processor. While m looks for a stand-in, its processor's
// other fibers go to other processors. Or they wait, as behind a machine that blocks when no machine
// can be made.
bool find_stand_in(machine& m) noexcept {
    constexpr auto time_between_tries = std::chrono::milliseconds(1);
    while ((m.stand_in = spare_or_new(m.scheduler)) == nullptr) {
        fiber_list others;
        fiber* g = m.scheduler.work.find_work(m, may_search::no);
        for (; g != nullptr && g != m.pinned; g = m.scheduler.work.find_work(m, may_search::no))
            others.push(*g);
        if (!others.empty())
            inject(m.scheduler, std::move(others));
        if (g == m.pinned)
            return false;
        if (sleep_until(m, clock::now() + time_between_tries)) {
            std::exchange(m.sent_by, nullptr)->wake(); // the finder keeps its processor
            return false;
        }
    }
    return true;
}

} // namespace

fiber* wait_for_pinned(machine& m) noexcept {
    if (m.searching)
        m.scheduler.work.stop_searching(m);
    if (m.p != nullptr) {
        if (m.deferred != nullptr) // a fiber of another pinned machine, found before this call
            m.p->push_back(*std::exchange(m.deferred, nullptr));
        if (m.stand_in == nullptr && !find_stand_in(m))
            return m.pinned;
        machine& stand_in = *std::exchange(m.stand_in, nullptr);
        give_and_wake(m, stand_in);
    }
    end_computation(m);
    static_cast<void>(sleep_until(m, never)); // [pin]
    machine& finder = *std::exchange(m.sent_by, nullptr);
    give(*std::exchange(finder.p, nullptr), m);
    if (m.stand_in == nullptr)
        m.stand_in = &finder;
    else
        m.scheduler.work.idle.add_spare(
            finder); // m's processor was retaken before, so the stand-in is still here
    return m.pinned;
}

void send_to_pinned(machine& m, fiber& g) noexcept {
    machine& there = *g.stack->pinned_to;
    there.sent_by = &m; // `there` takes m.p, unless it has a processor
    m.scheduler.machines.count_hand_off();
    there.wake(); // [pin] from here on, m belongs to `there`
    static_cast<void>(sleep_until(m, never));
}

} // namespace fiber::rt
