// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/time_share.hpp"

#include "runtime/base/process/assert.hpp"

#include <algorithm>
#include <chrono>

namespace fiber::rt {
namespace {

using namespace std::chrono_literals;

// The longest run. It is short compared with the 2 ms that a fiber may have to wait behind a few chains.
constexpr clock::duration max_run = 100us;
constexpr clock::duration max_quick_run = 3us;
// The longest rest. It equals the time that a fiber may compute before others get its processor. A turn can
// have been longer because its thread lost its CPU.
constexpr clock::duration max_rest = 20ms;
constexpr std::uint64_t quick_checks_a_clock = 8; // perf/run --rivals, the rows with quick switches

// One word holds the end of a rest, to 64 ns, and a run.
constexpr std::uintptr_t run_bits = 63;

void note_turn(fiber& g, clock::time_point rest_ends, std::uint64_t run) noexcept {
    auto const when = static_cast<std::uintptr_t>(rest_ends.time_since_epoch().count());
    FIBER_ASSERT(g.stack != nullptr); // only a fiber that has run is in a chain
    g.why = wait_reason::turn;
    g.what = reinterpret_cast<void const*>((when & ~run_bits) | run);
}
std::uintptr_t noted(fiber const& g) noexcept {
    void const* const word = g.what;
    return reinterpret_cast<std::uintptr_t>(word);
}

bool is_resting(fiber const& g, clock::time_point now) noexcept {
    return time_share::was_measured(g) &&
           (noted(g) & ~run_bits) > static_cast<std::uintptr_t>(now.time_since_epoch().count());
}

// Dequeues the first fiber that does not rest. Returns null if all rest; then the queue's order is
// unchanged.
fiber* pop_rested(run_queue& queue, clock::time_point now) noexcept {
    for (auto n = queue.size(); n > 0; --n) {
        fiber& g = *queue.pop();
        if (!is_resting(g, now))
            return &g;
        queue.push(g);
    }
    return nullptr;
}

} // namespace

fiber& time_share::take(run_queue& queue, std::uint64_t ticks, clock::time_point now) noexcept {
    fiber* const rested = pop_rested(queue, now);
    fiber& g = rested != nullptr ? *rested : *queue.pop();
    begin(g, ticks, now);
    return g;
}

fiber& time_share::check(fiber& next, run_queue& queue, std::uint64_t ticks, clock::time_point now) noexcept {
    auto const elapsed = measure(ticks, now);
    bool const was_quick = quick_ && elapsed != elapsed.zero();
    auto const others = static_cast<clock::rep>(queue.size());
    // The next check is about `elapsed` away. Half of it rounds the end of the rest to the nearer check.
    fiber* const other = pop_rested(queue, now + elapsed / 2);
    if (other == nullptr) {
        began_ = was_quick && others == 0 ? unknown : now;
        next_check_ = ticks + run_;
        return next;
    }
    if (!quick_)
        note_turn(next, now + std::min(std::min(elapsed, max_rest) * others, max_rest), run_);
    queue.push(next);
    if (was_quick && !was_measured(*other))
        begin(ticks);
    else
        begin(*other, ticks, now);
    return *other;
}

fiber* time_share::check(fiber& next, run_queue& queue, std::uint64_t ticks) noexcept {
    if (!quick_ || began_ != unknown || ticks / max_switches % quick_checks_a_clock == 0)
        return nullptr;
    fiber* first = queue.first();
    if (first == nullptr) {
        first = &next;
    } else {
        if (was_measured(*first))
            return nullptr;
        first = queue.pop();
        queue.push(next);
    }
    begin(ticks);
    return first;
}

// Returns how long the turn has been. Returns zero if that is unknown: its begin was not measured, or the
// check is late, and other fibers may have run since the check was due.
clock::duration time_share::measure(std::uint64_t ticks, clock::time_point now) noexcept {
    if (began_ == unknown || ticks > next_check_)
        return {};
    auto const elapsed = now - began_;
    quick_ = run_ == max_switches && elapsed <= max_quick_run;
    if (elapsed > max_run)
        run_ =
            std::max<std::uint64_t>(run_ * max_run.count() / static_cast<std::uint64_t>(elapsed.count()), 1);
    else
        run_ = std::min(2 * run_, max_switches);
    first_run_ = std::min(run_, first_run_ + 1);
    return elapsed;
}

void time_share::begin(fiber& g, std::uint64_t ticks, clock::time_point now) noexcept {
    run_ = first_run_;
    if (was_measured(g)) { // otherwise `what` may be a link: spawn_batch.hpp
        run_ = noted(g) & run_bits;
        g.why = wait_reason::none;
        g.what = nullptr;
    }
    began_ = now;
    next_check_ = ticks + run_;
}

} // namespace fiber::rt
