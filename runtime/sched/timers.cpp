// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/timers.hpp"

#include "runtime/sched/hand_off.hpp"
#include "runtime/sched/publish.hpp"
#include "runtime/sched/scheduler.hpp"

#include <array>
#include <chrono>
#include <utility>

namespace fiber::rt {
namespace {

// A round is the time between two timer checks of a processor, at most 61 switches. A longer round
// than this means more than 5 µs a switch, beside which cache misses do not matter.
constexpr auto max_short_round = std::chrono::microseconds(300);

} // namespace

void make_room_for_timer(machine& m) noexcept {
    if (has_processor(m))
        m.p->timers.make_room();
}

void arm_timer(machine& m, timer& t) noexcept {
    if (m.p != nullptr) [[likely]] {
        m.p->timers.arm(t);
        return;
    }
    // The timer goes to processor 0. The machine of that processor sees the timer at its next poll.
    // If it has read its timers already and is about to sleep, it is woken to read them again. If
    // the timer is not the earliest, the machine wakes up before.
    processor& p = *m.scheduler.processors.all().front(); // never retires
    if (!p.timers.arm_from_elsewhere(t))                  // t may be destroyed here
        return;
    full_fence(); // [idle.wake]
    if (machine* const owner = p.owner(); owner != nullptr && m.scheduler.work.idle.withdraw(*owner, p))
        owner->wake();
}

// In a short round it takes only some timers at a time. Each fiber then runs while the cache still
// has what its wake-up has brought there; the next timers are taken at the next check. After a long
// round it takes all expired timers at once. There caches do not matter beside the time that the
// fibers run, and timers that wait for further rounds would expire late.
bool run_timers(machine& m, processor& whose) noexcept {
    if (whose.timers.empty())
        return false;
    std::array<ticket, 32> room;
    auto const now = clock::now();
    bool const slow = m.p->round_time(now) > max_short_round && m.p->queued() != 0;
    std::size_t n = 0;
    do {
        fiber_list woken;
        for (ticket const& key : whose.timers.expire(now, room)) {
            ++n;
            if (!agent::mark_woken(key))
                continue;
            auto& g = static_cast<fiber&>(*key.who);
            g.move(fiber_state::parked, fiber_state::runnable);
            woken.push(g);
        }
        slow ? m.p->push_back(std::move(woken)) : m.p->push_expired(std::move(woken));
    } while (slow && whose.timers.earliest() <= now);
    publish_woken(m);
    return n != 0;
}

} // namespace fiber::rt
