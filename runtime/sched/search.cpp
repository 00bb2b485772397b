// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/search.hpp"

#include "runtime/sched/lease.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/sched/timers.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace fiber::rt {
namespace {

// The longest search. It takes about the time of one wake-up, so that a failed search at most
// doubles the cost. If a search fails, and the sleep after it lasts until its deadline, the next
// search takes half the time. After max_failed_searches a search is shorter than
// time_before_stealing, and steals nothing. Benchmark: perf/run --rivals, sleepers.
constexpr auto max_search = std::chrono::nanoseconds(20'000);
constexpr int pauses_between_rounds = 8;
// A machine steals only from a processor that has shown no progress for this time, or for the cost of a
// revocation if that is more. To steal, it revokes the victim's lease: a heavy fence interrupts the victim,
// which would perhaps have shared its fibers in this time. Benchmark: perf/run --rivals, wake_all.
constexpr auto time_before_stealing = std::chrono::microseconds(6);
// A searching machine watches a processor for this time before it requests a share. In less time, a
// processor that empties its queue again and again might not have emptied it once.
constexpr auto time_before_request = std::chrono::microseconds(4);

void pause(int times) noexcept {
    while (times-- > 0)
        cpu_relax();
}

// share_request holds the request that a searching machine has made to one processor. It also
// holds the processor that the machine watches before its next request, with a snapshot of it.
class share_request {
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
void request_shares(machine const& m, share_request& mine, clock::time_point now) noexcept {
    if (processor* const p = mine.find_overloaded(now)) {
        mine.make(*p);
        return;
    }
    auto const all = m.scheduler.processors.all();
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

fiber* steal_from(machine& m, processor& victim) noexcept {
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

// Steals from a processor that has made no progress for some time. Returns null if there
// was nothing to steal.
fiber* steal(machine& m, clock::time_point now) noexcept {
    auto const worth_it = std::max<clock::duration>(time_before_stealing, cost_of_revocation());
    auto const all = m.scheduler.processors.all();
    auto const n = static_cast<unsigned>(all.size());
    unsigned const start = m.p->random.below(n);
    for (unsigned i = 0; i < n; ++i) {
        processor& victim = *all[(start + i) % n];
        if (&victim == m.p || victim.stands_still_for(now) < worth_it)
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

} // namespace

fiber* spin_for_work(machine& m) noexcept {
    scheduler& of = m.scheduler;
    if (of.processors.all().size() == 1)
        return nullptr;
    if (!m.searching && !(m.searching = of.work.idle.start_searching(of.processors.active())))
        return nullptr;
    auto now = clock::now();
    auto const end = now + max_search / (1U << m.failed_searches);
    auto next_theft = now + time_before_stealing;
    auto next_request = now;
    share_request mine;
    for (; now < end; now = clock::now()) {
        if (fiber* const g = of.work.take_global(m))
            return g;
        if (now >= next_request) {
            request_shares(m, mine, now);
            next_request = now + time_before_request;
        }
        if (now >= next_theft) {
            next_theft = now + time_before_stealing;
            of.work.poll(m, now);
            if (fiber* const g = m.p->take_local())
                return g;
            if (fiber* const g = steal(m, now))
                return g;
        }
        pause(pauses_between_rounds);
    }
    return nullptr;
}

} // namespace fiber::rt
