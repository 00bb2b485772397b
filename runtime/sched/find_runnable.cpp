// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// find_runnable.cpp: what a machine does in its scheduler context: look here, look around, search, sleep.

#include "runtime/sched/lease.hpp"
#include "runtime/sched/scheduler.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace fiber::rt {
namespace {

// As long as waking a machine takes, so that at worst a search costs twice what it saves. Half as long after each that was
// followed by a sleep which nobody cut short, down to a look around without theft: where timers are due all the time, and
// nobody has anything to give away, searches took a seventh of the CPU time.
constexpr auto longest_search = std::chrono::nanoseconds(20'000);
constexpr unsigned most_halvings = 3;
constexpr int pauses_between_rounds = 8;
// To take fibers from one that runs costs a heavy fence, for which that one may have to wait; and it is better placed to
// run them. So it is done only if they are still there when so long has passed without a sign of life from it.
constexpr auto time_before_stealing = std::chrono::microseconds(6);
// How long a processor is watched before it is asked for some. In less time one that gets through its queue again and again
// may not have come to its end once.
constexpr auto time_before_asking = std::chrono::microseconds(4);
// How long a machine sleeps that sees fibers which it cannot get at: their processor's machine is about to do
// something with them, but has lost its CPU.
constexpr auto short_sleep = std::chrono::microseconds(50);

// From one look at the timers to the next: five microseconds a switch, beside which cache misses do not matter.
constexpr auto longest_quick_lap = std::chrono::microseconds(300);

void pause(int times) noexcept {
    while (times-- > 0)
        cpu_relax();
}

} // namespace

// The next fiber for m, which then has a processor; null: the end.
fiber* scheduler::find_runnable(machine& m) noexcept {
    while (!stopping_.load(std::memory_order_relaxed)) { // [stop] those that sleep look again
        if (m.pinned != nullptr)
            return wait_for_pinned(m);
        if (m.p == nullptr) {
            if (m.discarded) // [pin.discard]
                return nullptr;
            wait_as_spare(m);
            continue;
        }
        if (retired(*m.p)) {
            retire(m);
            continue;
        }
        fiber* const g = look(m);
        if (g == nullptr) {
            sleep(m);
            continue;
        }
        if (m.searching)
            stop_searching(m);
        if (!g->pinned)
            return g;
        send_to_pinned(m, *g);
    }
    return nullptr;
}

fiber* scheduler::look(machine& m) noexcept {
    if (m.set_aside != nullptr)
        return std::exchange(m.set_aside, nullptr);
    fiber* const g = look_here(m);
    return g != nullptr ? g : search(m);
}

fiber* scheduler::look_here(machine& m) noexcept {
    if (!m.p->timers.empty())
        run_timers(m, *m.p);
    if (m.p->time_to_look()) {
        m.p->looked();
        if (m.p->time_for_census()) {
            m.p->counted(live_fibers(), processors());
            set_signal_mask(); // as in nap, for a machine that does not sleep
        }
        poll(m);
        if (fiber* const g = let_in(m))
            return g;
    }
    if (m.p->asked())
        offer(m);
    if (fiber* const g = m.p->take_local())
        return g;
    return take_global(m);
}

// While there are others here: the first of the global queue, at once. Or a share to the end of the own queue: many that were
// started in a row stay in that row, as their stacks lie in the memory; a yield among a million took twice as long without.
fiber* scheduler::let_in(machine& m) noexcept {
    fiber_list turn = global_.take_turn(processors());
    if (turn.size() == 1)
        return turn.pop();
    put_share(m, std::move(turn));
    return nullptr;
}

// A fair share of the global queue: the first to run, the others into the own queue, which is empty.
fiber* scheduler::take_global(machine& m) noexcept {
    if (global_.empty())
        return nullptr;
    fiber_list share = global_.take_share(processors());
    fiber* const first = share.pop();
    put_share(m, std::move(share));
    return first;
}

void scheduler::put_share(machine& m, fiber_list&& share) noexcept {
    if (share.empty())
        return;
    m.p->put_strangers(std::move(share));
    light_fence(); // [idle.wake]
    idle_.wake_one();
}

// Half of the queue goes where those who search look first, unless there is something for them already: they take a
// microsecond to come, in which many more would be offered.
void scheduler::offer(machine& m) noexcept {
    m.p->ask_no_more();
    if (m.p->queued() == 0)
        return;
    if (global_.empty()) {
        global_.offer(m.p->take_half());
        ++m.p->steals;
    }
    light_fence(); // [idle.wake]
    idle_.wake_one();
}

// A searching machine's request to one processor at a time, and what it has seen of one it thinks of asking.
class scheduler::request {
public:
    request() = default;
    request(request const&) = delete;
    request& operator=(request const&) = delete;
    ~request() { withdraw(); }

    void make(processor& p) noexcept {
        withdraw();
        asked_ = &p;
        p.ask();
    }
    void consider(processor* p, clock::time_point now) noexcept {
        candidate_ = p;
        if (p != nullptr)
            seen_ = p->progress.so_far(now);
    }
    // The candidate, if it is found to fall behind.
    [[nodiscard]] processor* judge(clock::time_point now) const noexcept {
        if (candidate_ == nullptr)
            return nullptr;
        if (candidate_->progress.falls_behind(seen_, candidate_->queued(), now))
            return candidate_;
        candidate_->progress.has_kept_up();
        return nullptr;
    }

private:
    // It may wipe out another machine's request, which asks again soon.
    void withdraw() noexcept {
        if (asked_ != nullptr)
            asked_->ask_no_more();
        asked_ = nullptr;
    }

    processor* asked_ = nullptr;
    processor* candidate_ = nullptr;
    pace::look seen_;
};

// [idle.ask] One that has much is asked at once; of the others, one is watched until the next time.
void scheduler::ask_around(machine const& m, request& mine, clock::time_point now) noexcept {
    if (processor* const p = mine.judge(now)) {
        mine.make(*p);
        return;
    }
    unsigned const n = made_.load(std::memory_order_acquire); // [made]
    unsigned const start = m.p->random.below(n);
    processor* candidate = nullptr;
    for (unsigned i = 0; i < n; ++i) {
        processor& p = *processors_[(start + i) % n];
        if (&p == m.p)
            continue;
        auto const waiting = p.waiting();
        if (pace::is_many(waiting)) {
            mine.make(p);
            return;
        }
        if (waiting != 0)
            candidate = &p;
    }
    mine.consider(candidate, now);
}

fiber* scheduler::search(machine& m) noexcept {
    if (made_.load(std::memory_order_relaxed) == 1)
        return nullptr;
    if (!m.searching && !(m.searching = idle_.start_searching(processors())))
        return nullptr;
    auto now = clock::now();
    auto const end = now + longest_search / (1U << m.vain_searches);
    auto next_theft = now + time_before_stealing;
    auto next_asking = now;
    request mine;
    for (; now < end; now = clock::now()) {
        if (fiber* const g = take_global(m))
            return g;
        if (now >= next_asking) {
            ask_around(m, mine, now);
            next_asking = now + time_before_asking;
        }
        if (now >= next_theft) {
            next_theft = now + time_before_stealing;
            poll(m);
            if (fiber* const g = m.p->take_local())
                return g;
            if (fiber* const g = steal(m))
                return g;
        }
        pause(pauses_between_rounds);
    }
    return nullptr;
}

// From processors that have not moved on since the last attempt.
fiber* scheduler::steal(machine& m) noexcept {
    unsigned const n = made_.load(std::memory_order_acquire); // [made]
    unsigned const start = m.p->random.below(n);
    for (unsigned i = 0; i < n; ++i) {
        processor& victim = *processors_[(start + i) % n];
        if (&victim == m.p || !victim.stands_still())
            continue;
        fiber* g = run_timers(m, victim) ? m.p->take_local() : nullptr;
        if (g == nullptr && victim.waiting() != 0)
            g = steal_from(m, victim);
        if (g != nullptr) {
            ++m.p->steals;
            return g;
        }
    }
    return nullptr;
}

fiber* scheduler::steal_from(machine& m, processor& victim) noexcept {
    fiber_list loot;
    static_cast<void>(break_lease(victim, if_inside::give_up, [&](machine&) {
        loot.push(victim.take_half());
        if (loot.empty())
            if (fiber* const g = victim.take_next())
                loot.push(*g);
    }));
    fiber* const first = loot.pop();
    m.p->put_strangers(std::move(loot));
    return first;
}

// Makes those runnable whose time has come; true if there were any. Some at a time, so that each still has in the cache what
// waking it has brought there: the next ones come when these have run, or at the next look. When those who stand before
// them take so long that caches do not matter, all at once, or they would be kept waiting by the number of looks.
bool scheduler::run_timers(machine& m, processor& whose) noexcept {
    if (whose.timers.empty())
        return false;
    std::array<ticket, 32> room;
    auto const now = clock::now();
    bool const slow = m.p->lap(now) > longest_quick_lap && m.p->queued() != 0;
    std::size_t n = 0;
    do {
        fiber_list woken;
        for (ticket const& key : whose.timers.expire(now, room)) {
            ++n;
            if (!party::settle(key))
                continue;
            auto& g = static_cast<fiber&>(*key.who);
            g.move(fiber_state::parked, fiber_state::runnable);
            woken.push(g);
        }
        slow ? m.p->put_last(std::move(woken)) : m.p->put_due(std::move(woken));
    } while (slow && whose.timers.earliest() <= now);
    publish_woken(m);
    return n != 0;
}

void scheduler::attach(poller& p) noexcept { poller_.store(&p, std::memory_order_release); } // [poller]

void scheduler::poll(machine& m) noexcept {
    poller* const source = poller_.load(std::memory_order_acquire); // [poller] it is complete
    if (source == nullptr)
        return;
    fiber_list woken = source->poll();
    if (woken.empty())
        return;
    while (fiber* const g = woken.pop()) {
        g->move(fiber_state::parked, fiber_state::runnable);
        m.p->put_last(*g);
    }
    publish(m);
}

scheduler::sight scheduler::work_in_sight() const noexcept {
    unsigned const n = made_.load(std::memory_order_acquire); // [made]
    bool const any = std::any_of(&processors_[0], &processors_[n],
                                 [](auto const& p) { return p->waiting() > 1 && !p->progress.is_quick(); });
    full_fence(); // in this order: [idle.wake]
    if (!global_.empty())
        return sight::global;
    return any ? sight::out_of_reach : sight::nothing;
}

// While it searched, others did not wake anyone: should it have been the only one, it does so for them.
void scheduler::stop_searching(machine& m) noexcept {
    m.searching = false;
    m.vain_searches = 0;
    if (!idle_.stop_searching())
        return;
    full_fence(); // [idle.wake] the read-modify-write is none everywhere
    if (work_in_sight() != sight::nothing)
        idle_.wake_one();
}

void scheduler::search_again(machine& m) noexcept {
    m.searching = true;
    idle_.search_again();
}

// Returns when there is something to look for: work published, a timer due, the end. See [idle.wake].
void scheduler::sleep(machine& m) noexcept {
    processor& p = *m.p; // m.p may be robbed as soon as m is on the list
    p.idle.return_idle_stacks();
    bool const was_searching = std::exchange(m.searching, false);
    unsigned const vain = std::exchange(m.vain_searches, 0);
    idle_.enlist(m); // from here on, m.searching is its waker's
    if (was_searching)
        static_cast<void>(idle_.stop_searching()); // last or not, it looks once more
    full_fence();                                  // [idle.wake] [stop] [sysmon.nap]
    sysmon_.machine_idle();
    auto const seen = work_in_sight();
    bool const called_off = stopping_.load(std::memory_order_relaxed) || seen == sight::global || retired(p);
    if (called_off && idle_.withdraw(m)) {
        search_again(m);
        return;
    }
    if (called_off) // [idle.wake] its processor may have been robbed
        idle_.wake_one();
    if (closing_.load(std::memory_order_relaxed)) // [close]
        tell_closer_if_empty();
    auto until = called_off ? never : p.timers.earliest();
    if (seen == sight::out_of_reach)
        until = std::min(until, clock::now() + short_sleep);
    if (!nap(m, until)) {
        if (!idle_.withdraw(m))
            static_cast<void>(nap(m, never)); // the wake is on its way; or it has been robbed, and is a spare
        else if (seen == sight::out_of_reach)
            search_again(m);
        else
            m.vain_searches = std::min(vain + 1, most_halvings);
    }
}

} // namespace fiber::rt
