// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/find_work.hpp"

#include "runtime/sched/hand_off.hpp"
#include "runtime/sched/pin.hpp"
#include "runtime/sched/poller.hpp"
#include "runtime/sched/publish.hpp"
#include "runtime/sched/ready.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/sched/search.hpp"
#include "runtime/sched/timers.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace fiber::rt {

fiber* work_finder::find_runnable(machine& m) noexcept {
    while (!of_.stopping()) { // relaxed: sleep() checks again [stop]
        if (m.pinned != nullptr)
            return wait_for_pinned(m);
        if (m.p == nullptr) {
            if (m.discarded) // [pin.discard]
                return nullptr;
            park_spare(m);
            continue;
        }
        if (of_.processors.retired(*m.p)) {
            of_.processors.retire(m);
            continue;
        }
        fiber* const g = find_work(m, may_search::yes);
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

// The order in which a machine looks for work.
fiber* work_finder::find_work(machine& m, may_search may) noexcept {
    processor& p = *m.p;
    if (m.deferred != nullptr) // found by the last switch
        return std::exchange(m.deferred, nullptr);
    if (!p.timers.empty())
        run_timers(m, p); // the fibers go to the local queue
    if (p.time_to_poll())
        if (fiber* const g = poll_all(m))
            return g;
    if (p.share_requested())
        share_half(m);
    if (fiber* const g = p.take_local())
        return g;
    if (fiber* const g = take_global(m))
        return g;
    return may == may_search::yes ? spin_for_work(m) : nullptr;
}

// Polls the poller and the global queue. Called on every 61st tick.
fiber* work_finder::poll_all(machine& m) noexcept {
    m.p->polled();
    if (m.p->time_to_sample()) {
        m.p->sample_live_fibers(of_.live_fibers(), of_.processors.active());
        of_.machines.set_signal_mask(); // as in sleep_until, for a machine that does not sleep
    }
    poll_now_and_then(m);
    return poll_global(m);
}

// Polls the global queue while the local one has fibers. From a short global queue, returns the
// first fiber. From a long one, moves a batch to the end of the local queue, and returns null: the
// fibers stay in the order of their stacks in memory. Benchmark: perf/run --curve.
fiber* work_finder::poll_global(machine& m) noexcept {
    fiber_list turn = global.pop_one_or_batch(of_.processors.active());
    if (turn.size() == 1)
        return turn.pop();
    push_batch(m, std::move(turn));
    return nullptr;
}

fiber* work_finder::take_global(machine& m) noexcept {
    if (global.empty())
        return nullptr;
    fiber_list share = global.pop_batch(of_.processors.active());
    fiber* const first = share.pop();
    push_batch(m, std::move(share));
    return first;
}

void work_finder::push_batch(machine& m, fiber_list&& share) noexcept {
    if (share.empty())
        return;
    m.p->push_remote(std::move(share));
    light_fence(); // [idle.wake]
    idle.wake_one();
}

// ── the poller ──

work_finder::~work_finder() { delete poller_.load(std::memory_order_relaxed); } // the last thread

void work_finder::attach(std::unique_ptr<rt::poller> p) noexcept {
    poller_.store(p.release(), std::memory_order_release); // [poller]
}

bool work_finder::lacks_watcher() const noexcept {
    poller const* const source = attached_poller();
    // relaxed: the caller's fence orders it [poller.watch]
    return source != nullptr && source->awaited() && watcher_.load(std::memory_order_relaxed) == nullptr;
}

void work_finder::ensure_watcher() noexcept {
    if (lacks_watcher())
        idle.wake_one();
}

clock::time_point work_finder::next_check() const noexcept {
    poller const* const source = attached_poller();
    return source != nullptr ? source->next_check() : never;
}

void work_finder::make_checks(clock::time_point now) noexcept {
    if (next_check() <= now)
        attached_poller()->check(now);
}

void work_finder::poll(machine& m, clock::time_point now) noexcept {
    if (lacks_watcher())
        push_polled(m, attached_poller()->poll());
    make_checks(now); // after the events, which make some unnecessary
}

// Called on every 61st tick.
void work_finder::poll_now_and_then(machine& m) noexcept {
    constexpr auto time_between_polls = std::chrono::microseconds(50);
    if (!lacks_watcher() && next_check() == never)
        return;
    auto const now = clock::now();
    if (clock::time_point const next = next_poll_; now < next)
        return;
    next_poll_ = now + time_between_polls;
    poll(m, now);
}

void work_finder::push_polled(machine& m, fiber_list&& woken) noexcept {
    if (woken.empty())
        return;
    m.p->push_back(std::move(woken));
    publish(m);
}

// Makes m the watcher if one is needed. m is on the idle list.
bool work_finder::begin_watch(machine& m) noexcept {
    if (!lacks_watcher()) // ordered by the fence in sleep()
        return false;
    machine const* none = nullptr;
    // relaxed: of several machines one wins; the fences of [poller.watch] order it
    return watcher_.compare_exchange_strong(none, &m, std::memory_order_relaxed);
}

// Sleeps in the poller as sleep_until() does on the futex. Returns false at the deadline. If the poller
// has returned fibers, they are queued, and m is not idle.
bool work_finder::watch(machine& m, clock::time_point until) noexcept {
    fiber_list woken;
    m.set_asleep(true);
    bool const was_woken = m.watch_until(*attached_poller(), until, woken);
    watcher_.store(nullptr, std::memory_order_relaxed); // ordered by the fence below
    auto const now = end_sleep(m);                      // a full fence: [poller.watch]
    if (woken.empty())
        return was_woken;
    // Without a processor the fibers go to the global queue. That is so if m was robbed or retired, or if a
    // wake() is on its way.
    bool const has_processor = was_woken ? m.p != nullptr : idle.withdraw(m);
    if (has_processor) {
        push_polled(m, std::move(woken));
        make_checks(now); // it may make fibers runnable on m's processor, which is m's own only here
        return true;
    }
    inject(of_, std::move(woken));
    if (!was_woken)
        sleep_as_spare(m);
    return true;
}

// Sleeps until a wake(). m has been taken off the idle list, and may have been the watcher before.
void work_finder::sleep_as_spare(machine& m) noexcept {
    ensure_watcher(); // [poller.watch] the end of the last sleep was a full fence
    static_cast<void>(sleep_until(m, never));
}

// ── when there is no work ──

visible_work work_finder::work_visible() const noexcept {
    auto const all = of_.processors.all();
    bool const any = std::any_of(all.begin(), all.end(), [](auto const& p) {
        return p->waiting() > 1 && !p->monitor.is_responsive();
    });
    full_fence(); // keeps the order of the checks: [idle.wake]
    if (!global.empty())
        return visible_work::global;
    return any ? visible_work::unreachable : visible_work::nothing;
}

void work_finder::stop_searching(machine& m) noexcept {
    m.searching = false;
    m.failed_searches = 0;
    if (!idle.stop_searching())
        return;
    full_fence(); // [idle.wake] F2: the read-modify-write is not a full fence on every CPU
    if (work_visible() != visible_work::nothing)
        idle.wake_one();
}

void work_finder::search_again(machine& m) noexcept {
    m.searching = true;
    idle.search_again();
}

// Sleeps until there may be work, a timer is due, or the scheduler stops: S1 to S4 of [idle.wake].
void work_finder::sleep(machine& m) noexcept {
    // The sleep of a machine that sees only unreachable fibers. The machine of their processor is about
    // to run or to share them, but has lost its CPU.
    constexpr auto short_sleep = std::chrono::microseconds(50);
    processor& p = *m.p; // m.p may be taken away once m is on the list
    p.idle.return_idle_stacks();
    bool const was_searching = std::exchange(m.searching, false);
    unsigned const failed = std::exchange(m.failed_searches, 0);
    idle.enlist(m); // from here on, m.searching belongs to the waker
    if (was_searching)
        static_cast<void>(idle.stop_searching()); // m checks the queues in any case
    full_fence();                                 // [idle.wake] [stop] [sysmon.nap]
    of_.sysmon.machine_idle();
    auto const seen = work_visible();
    bool const called_off = of_.stopping() || seen == visible_work::global || of_.processors.retired(p);
    if (called_off && idle.withdraw(m)) {
        search_again(m);
        return;
    }
    if (called_off) // [idle.wake] m's processor may have been taken away
        idle.wake_one();
    of_.closing.wake_closer_if_empty(); // [close]
    auto until = called_off ? never : p.timers.earliest();
    if (seen == visible_work::unreachable)
        until = std::min(until, clock::now() + short_sleep);
    bool const watches = !called_off && begin_watch(m);
    if (!(watches ? watch(m, until) : sleep_until(m, until))) {
        if (!idle.withdraw(m))
            sleep_as_spare(m); // wake() is on its way, or m has lost its processor
        else if (seen == visible_work::unreachable)
            search_again(m);
        else
            m.failed_searches = std::min(failed + 1, max_failed_searches);
    }
}

} // namespace fiber::rt
