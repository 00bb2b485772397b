// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// time_share.hpp: how chains share a processor. A chain is a row of fibers that wake each other, one at a time. They run without
// a way through the queue, so the queue alone would share the processor by chains' turns, however long these are.
//
//   look   A chain is looked at after `run` switches: as many as take 100 µs, from 1 to 32.
//   turn   From the moment at which the chain's fiber leaves the queue to the first look at which another fiber waits. Then the
//          chain's runnable fiber goes to the end of the queue.
//   rest   That fiber rests until each of the others that wait can have had as much time as the turn took; at most for 20 ms. A
//          fiber at rest is passed over while another one waits that is not.
//   quick  32 switches of the chain that was measured last took less than 3 µs. Then looks at fibers that do not rest measure
//          nothing, but for two in nine: no turn takes less than 1 µs, so these chains share the time well enough.
//
// Two chains have as much time each, up to one run. No fiber waits for long because of a long turn. The cost is a few
// looks at the clock in a thousand switches.
//
// The turn of a fiber that has not had one begins without a look at the clock. It ends without a rest. Its run is the least of
// the runs of late.
// A fiber whose turn was measured has `why` == turn, and in `what` the end of its rest and its run. A fiber that parks overwrites
// both.
#pragma once

#include "runtime/base/clock.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/fiber_list.hpp"

#include <cstdint>

namespace fiber::rt {

class time_share {
public:
    // Returns true if g may rest: then take() must take it out of the queue.
    [[nodiscard]] static bool was_measured(fiber const& g) noexcept { return g.why == wait_reason::turn; }

    // Returns true if a look is due, at so many ticks.
    [[nodiscard]] bool is_due(std::uint64_t ticks) const noexcept { return ticks >= next_check_; }

    // The turn begins of a fiber that was not measured.
    void begin(std::uint64_t ticks) noexcept {
        run_ = first_run_;
        began_ = unknown;
        next_check_ = ticks + first_run_;
    }
    // Takes the first fiber of a queue that is not empty; or, if it rests, the first that does not. Its turn begins.
    [[nodiscard]] fiber& take(fiber_list& queue, std::uint64_t ticks, clock::time_point now) noexcept;

    // A look, before `next` of the running chain. Returns the fiber that is to run: `next`; or, if the turn is over, one of the
    // queue, and then `next` is in the queue.
    [[nodiscard]] fiber& check(fiber& next, fiber_list& queue, std::uint64_t ticks,
                               clock::time_point now) noexcept;
    // The same without the clock, if that will do; null: it will not.
    [[nodiscard]] fiber* check(fiber& next, fiber_list& queue, std::uint64_t ticks) noexcept;

private:
    static constexpr std::uint64_t max_switches = 32;    // a run
    static constexpr std::uint64_t first_run_of_all = 8; // at 100 µs a switch less than a millisecond
    static constexpr clock::time_point unknown{};

    [[nodiscard]] clock::duration measure(std::uint64_t ticks, clock::time_point now) noexcept;
    void begin(fiber& g, std::uint64_t ticks, clock::time_point now) noexcept;

    std::uint64_t next_check_ = first_run_of_all; // a tick
    std::uint64_t run_ = first_run_of_all;
    std::uint64_t first_run_ = first_run_of_all; // of a fiber that was not measured
    clock::time_point began_ = unknown;          // the turn, or the time since the last look
    bool quick_ = false;
};

} // namespace fiber::rt
