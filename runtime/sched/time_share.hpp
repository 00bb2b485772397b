// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// time_share.hpp: how chains share a processor. A chain is a set of fibers that wake each other, one at a
// time. Its fibers run without passing through the queue. The queue alone would share the processor by
// turns of the chains, however long each turn is.
//
//   check  The clock is read after each `run` of a chain. A run is the number of switches that take 100 µs,
//          but at least 1 and at most 32.
//   turn   A turn begins when a fiber of the chain leaves the queue. It ends at the first check that finds
//          another fiber waiting. Then the chain's runnable fiber goes to the end of the queue.
//   rest   After its turn, that fiber rests until each other waiting fiber can have run for the time that the
//          turn took, but at most for 20 ms. A resting fiber is passed over while another one waits
//          that does not rest.
//   quick  In the chain that was measured last, 32 switches took at most 3 µs. Then six of eight checks
//          of fibers that do not rest read no clock. No turn takes less than 1 µs, so these chains
//          share the time well enough.
//
// Two chains get the same time, to within one run. No fiber waits for long because of a long turn. The cost
// is a few clock reads in a thousand switches.
//
// The first turn of a fiber begins without a clock read, and ends without a rest. Its run is the smallest
// recent run.
// After a measured turn, the fiber's `why` is `turn`, and its `what` holds the end of its rest and its run.
// A fiber that parks overwrites both.
#pragma once

#include "runtime/base/platform/clock.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/run_queue.hpp"

#include <cstdint>

namespace fiber::rt {

class time_share {
public:
    // Returns true if g may be resting. Then take() must dequeue it, not pop().
    [[nodiscard]] static bool was_measured(fiber const& g) noexcept { return g.why == wait_reason::turn; }

    // Returns true if a check is due when the processor has made `ticks` switches.
    [[nodiscard]] bool is_due(std::uint64_t ticks) const noexcept { return ticks >= next_check_; }

    // Begins the turn of a fiber that was not measured.
    void begin(std::uint64_t ticks) noexcept {
        run_ = first_run_;
        began_ = unknown;
        next_check_ = ticks + first_run_;
    }
    // Dequeues the first fiber that does not rest, or the first fiber if all rest, and begins its turn. The
    // queue must not be empty.
    [[nodiscard]] fiber& take(run_queue& queue, std::uint64_t ticks, clock::time_point now) noexcept;

    // Checks the running chain, of which `next` is the next fiber. Returns the fiber to run: `next`, or, if
    // the turn is over, a fiber of the queue. In the second case `next` has been enqueued.
    [[nodiscard]] fiber& check(fiber& next, run_queue& queue, std::uint64_t ticks,
                               clock::time_point now) noexcept;
    // Does the same without reading the clock. Returns null, and changes nothing, if the clock is needed.
    [[nodiscard]] fiber* check(fiber& next, run_queue& queue, std::uint64_t ticks) noexcept;

private:
    static constexpr std::uint64_t max_switches = 32;    // in a run
    static constexpr std::uint64_t first_run_of_all = 8; // less than 1 ms if a switch takes 100 µs
    static constexpr clock::time_point unknown{};

    [[nodiscard]] clock::duration measure(std::uint64_t ticks, clock::time_point now) noexcept;
    void begin(fiber& g, std::uint64_t ticks, clock::time_point now) noexcept;

    std::uint64_t next_check_ = first_run_of_all; // a tick
    std::uint64_t run_ = first_run_of_all;
    std::uint64_t first_run_ = first_run_of_all; // the run of a fiber that was not measured
    clock::time_point began_ = unknown;          // when the turn began, or the last check that did not end it
    bool quick_ = false;
};

} // namespace fiber::rt
