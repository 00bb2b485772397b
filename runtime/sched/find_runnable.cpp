// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// find_runnable.cpp: finds the next fiber for a machine in its scheduler context. The machine
// checks its own processor and the global queue, then searches the other processors, then sleeps.

#include "runtime/sched/hand_off.hpp"
#include "runtime/sched/pin.hpp"
#include "runtime/sched/ready.hpp"
#include "runtime/sched/scheduler.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace fiber::rt {
namespace {

// The longest search. It takes about the time of one wake-up, so that a failed search at most
// doubles the cost. If a search fails, and the sleep after it lasts until its deadline, the next
// search takes half the time. After max_halvings a search is shorter than time_before_stealing,
// and steals nothing. Benchmark: perf/run --rivals, sleepers.
constexpr auto max_search = std::chrono::nanoseconds(20'000);
constexpr unsigned max_halvings = 3;
constexpr int pauses_between_rounds = 8;
// A machine steals only from a processor that has shown no progress for this time. To steal, it
// revokes the victim's lease: that is a heavy fence, and the victim may have to wait for it. The
// victim also has the fibers in its caches.
constexpr auto time_before_stealing = std::chrono::microseconds(6);
// A searching machine watches a processor for this time before it requests a share. In less time, a
// processor that empties its queue again and again might not have emptied it once.
constexpr auto time_before_request = std::chrono::microseconds(4);
// The sleep of a machine that sees only unreachable fibers. The machine of their processor is about
// to run or to share them, but has lost its CPU.
constexpr auto short_sleep = std::chrono::microseconds(50);

// A round is the time between two timer checks of a processor, at most 61 switches. A longer round
// than this means more than 5 µs a switch, beside which cache misses do not matter.
constexpr auto max_short_round = std::chrono::microseconds(300);

void pause(int times) noexcept {
    while (times-- > 0)
        cpu_relax();
}

} // namespace

// Returns the next fiber for m, which then has a processor. Returns null when m is to end.
fiber* scheduler::find_runnable(machine& m) noexcept {
    while (!stopping()) { // relaxed: sleep() checks again [stop]
        if (m.pinned != nullptr)
            return wait_for_pinned(m);
        if (m.p == nullptr) {
            if (m.discarded) // [pin.discard]
                return nullptr;
            park_spare(m);
            continue;
        }
        if (processors.retired(*m.p)) {
            processors.retire(m);
            continue;
        }
        fiber* const g = find_work(m);
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

fiber* scheduler::find_work(machine& m) noexcept {
    if (m.deferred != nullptr)
        return std::exchange(m.deferred, nullptr);
    fiber* const g = find_local(m);
    return g != nullptr ? g : spin_for_work(m);
}

fiber* scheduler::find_local(machine& m) noexcept {
    if (!m.p->timers.empty())
        run_timers(m, *m.p);
    if (m.p->time_to_poll()) {
        m.p->polled();
        if (m.p->time_to_sample()) {
            m.p->sample_live_fibers(live_fibers(), processors.active());
            machines.set_signal_mask(); // as in sleep_until, for a machine that does not sleep
        }
        poll(m);
        if (fiber* const g = poll_global(m))
            return g;
    }
    if (m.p->share_requested())
        share_half(m);
    if (fiber* const g = m.p->take_local())
        return g;
    return take_global(m);
}

// Polls the global queue while the local one has fibers. From a short global queue, returns the
// first fiber. From a long one, moves a batch to the end of the local queue, and returns null: the
// fibers stay in the order of their stacks in memory. Benchmark: perf/run --curve.
fiber* scheduler::poll_global(machine& m) noexcept {
    fiber_list turn = global.pop_one_or_batch(processors.active());
    if (turn.size() == 1)
        return turn.pop();
    push_batch(m, std::move(turn));
    return nullptr;
}

// Takes a fair share of the global queue. Returns its first fiber, and moves the others to the
// local queue, which is empty.
fiber* scheduler::take_global(machine& m) noexcept {
    if (global.empty())
        return nullptr;
    fiber_list share = global.pop_batch(processors.active());
    fiber* const first = share.pop();
    push_batch(m, std::move(share));
    return first;
}

void scheduler::push_batch(machine& m, fiber_list&& share) noexcept {
    if (share.empty())
        return;
    m.p->push_remote(std::move(share));
    light_fence(); // [idle.wake]
    idle.wake_one();
}

// Moves half of the waiting fibers to the global queue, which searching machines check first. Moves
// none if the global queue has fibers already: until a searching machine takes them, many more
// would be moved.
void scheduler::share_half(machine& m) noexcept {
    m.p->clear_share_request();
    if (m.p->queued() == 0)
        return;
    if (global.empty()) {
        global.push_shared(m.p->take_half());
        ++m.p->shared_out;
    }
    light_fence(); // [idle.wake]
    idle.wake_one();
}

// share_request holds the request that a searching machine has made to one processor. It also
// holds the processor that the machine watches before its next request, with a snapshot of it.
class scheduler::share_request {
public:
    share_request() = default;
    share_request(share_request const&) = delete;
    share_request& operator=(share_request const&) = delete;
    ~share_request() { withdraw(); }

    void make(processor& p) noexcept {
        withdraw();
        requested_ = &p;
        p.request_share();
    }
    void watch(processor* p, clock::time_point now) noexcept {
        candidate_ = p;
        if (p != nullptr)
            seen_ = p->monitor.sample(now);
    }
    // Returns the watched processor if it falls behind. Returns null if not, and marks the
    // processor as responsive.
    [[nodiscard]] processor* find_overloaded(clock::time_point now) const noexcept {
        if (candidate_ == nullptr)
            return nullptr;
        if (candidate_->monitor.falls_behind(seen_, candidate_->queued(), now))
            return candidate_;
        candidate_->monitor.mark_responsive();
        return nullptr;
    }

private:
    // Withdraws the request. This may clear another machine's request to the same processor; that
    // machine soon repeats it.
    void withdraw() noexcept {
        if (requested_ != nullptr)
            requested_->clear_share_request();
        requested_ = nullptr;
    }

    processor* requested_ = nullptr;
    processor* candidate_ = nullptr;
    load_monitor::snapshot seen_;
};

// [idle.share] Requests a share from the watched processor if it falls behind, or from a processor
// where many fibers wait. If there is neither, watches a processor with waiting fibers until the
// next call.
void scheduler::request_shares(machine const& m, share_request& mine, clock::time_point now) noexcept {
    if (processor* const p = mine.find_overloaded(now)) {
        mine.make(*p);
        return;
    }
    auto const all = processors.all();
    auto const n = static_cast<unsigned>(all.size());
    unsigned const start = m.p->random.below(n);
    processor* candidate = nullptr;
    for (unsigned i = 0; i < n; ++i) {
        processor& p = *all[(start + i) % n];
        if (&p == m.p)
            continue;
        auto const waiting = p.waiting();
        if (load_monitor::is_many(waiting)) {
            mine.make(p);
            return;
        }
        if (waiting != 0)
            candidate = &p;
    }
    mine.watch(candidate, now);
}

fiber* scheduler::spin_for_work(machine& m) noexcept {
    if (processors.all().size() == 1)
        return nullptr;
    if (!m.searching && !(m.searching = idle.start_searching(processors.active())))
        return nullptr;
    auto now = clock::now();
    auto const end = now + max_search / (1U << m.failed_searches);
    auto next_theft = now + time_before_stealing;
    auto next_request = now;
    share_request mine;
    for (; now < end; now = clock::now()) {
        if (fiber* const g = take_global(m))
            return g;
        if (now >= next_request) {
            request_shares(m, mine, now);
            next_request = now + time_before_request;
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

// Steals from a processor that has made no progress since the last attempt. Returns null if there
// was nothing to steal.
fiber* scheduler::steal(machine& m) noexcept {
    auto const all = processors.all();
    auto const n = static_cast<unsigned>(all.size());
    unsigned const start = m.p->random.below(n);
    for (unsigned i = 0; i < n; ++i) {
        processor& victim = *all[(start + i) % n];
        if (&victim == m.p || !victim.stands_still())
            continue;
        fiber* g = run_timers(m, victim) ? m.p->take_local() : nullptr;
        if (g == nullptr && victim.waiting() != 0)
            g = steal_from(m, victim);
        if (g != nullptr) {
            ++m.p->stolen;
            return g;
        }
    }
    return nullptr;
}

fiber* scheduler::steal_from(machine& m, processor& victim) noexcept {
    machine* const owner = victim.owner();
    if (owner == nullptr)
        return nullptr;
    fiber_list stolen;
    static_cast<void>(owner->try_revoke(victim, if_inside::give_up, [&] {
        stolen.push(victim.take_half());
        if (stolen.empty())
            if (fiber* const g = victim.take_next())
                stolen.push(*g);
    }));
    fiber* const first = stolen.pop();
    m.p->push_remote(std::move(stolen));
    return first;
}

// Makes the fibers of expired timers runnable. Returns true if a timer has expired. In a short
// round it takes only some timers at a time. Each fiber then runs while the cache still has what
// its wake-up has brought there; the next timers are taken at the next check. After a long round it
// takes all expired timers at once. There caches do not matter beside the time that the fibers run,
// and timers that wait for further rounds would expire late.
bool scheduler::run_timers(machine& m, processor& whose) noexcept {
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

void scheduler::attach(poller& p) noexcept { poller_.store(&p, std::memory_order_release); } // [poller]

void scheduler::poll(machine& m) noexcept {
    poller* const source = poller_.load(std::memory_order_acquire); // [poller] the poller is complete
    if (source == nullptr)
        return;
    fiber_list woken = source->poll();
    if (woken.empty())
        return;
    while (fiber* const g = woken.pop()) {
        g->move(fiber_state::parked, fiber_state::runnable);
        m.p->push_back(*g);
    }
    publish(m);
}

visible_work scheduler::work_visible() const noexcept {
    auto const all = processors.all();
    bool const any = std::any_of(all.begin(), all.end(), [](auto const& p) {
        return p->waiting() > 1 && !p->monitor.is_responsive();
    });
    full_fence(); // keeps the order of the checks: [idle.wake]
    if (!global.empty())
        return visible_work::global;
    return any ? visible_work::unreachable : visible_work::nothing;
}

// Ends m's search after it has found a fiber. While m searched, publishers woke no machine. If m
// was the only searching machine, it wakes one for them.
void scheduler::stop_searching(machine& m) noexcept {
    m.searching = false;
    m.failed_searches = 0;
    if (!idle.stop_searching())
        return;
    full_fence(); // [idle.wake] F2: the read-modify-write is not a full fence on every CPU
    if (work_visible() != visible_work::nothing)
        idle.wake_one();
}

void scheduler::search_again(machine& m) noexcept {
    m.searching = true;
    idle.search_again();
}

// Sleeps until there may be work, a timer is due, or the scheduler stops: S1 to S4 of [idle.wake].
void scheduler::sleep(machine& m) noexcept {
    processor& p = *m.p; // m.p may be taken away once m is on the list
    p.idle.return_idle_stacks();
    bool const was_searching = std::exchange(m.searching, false);
    unsigned const failed = std::exchange(m.failed_searches, 0);
    idle.enlist(m); // from here on, m.searching belongs to the waker
    if (was_searching)
        static_cast<void>(idle.stop_searching()); // m checks the queues in any case
    full_fence();                                 // [idle.wake] [stop] [sysmon.nap]
    sysmon.machine_idle();
    auto const seen = work_visible();
    bool const called_off = stopping() || seen == visible_work::global || processors.retired(p);
    if (called_off && idle.withdraw(m)) {
        search_again(m);
        return;
    }
    if (called_off) // [idle.wake] m's processor may have been taken away
        idle.wake_one();
    closing.wake_closer_if_empty(); // [close]
    auto until = called_off ? never : p.timers.earliest();
    if (seen == visible_work::unreachable)
        until = std::min(until, clock::now() + short_sleep);
    if (!sleep_until(m, until)) {
        if (!idle.withdraw(m))
            static_cast<void>(
                sleep_until(m, never)); // wake() is on its way, or m has lost its processor and is a spare
        else if (seen == visible_work::unreachable)
            search_again(m);
        else
            m.failed_searches = std::min(failed + 1, max_halvings);
    }
}

} // namespace fiber::rt
