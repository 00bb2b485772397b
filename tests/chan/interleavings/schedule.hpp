// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// schedule.hpp: an implementation of the waist (runtime/park.hpp) for one OS thread. The test makes each
// decision: which fiber runs, whether a timer fires first, which case a select chooses. Code that is
// built on the waist alone can be linked with it instead of the runtime. The test can run all its
// interleavings, or the interleavings with few preemptions.
//
//   schedule s(2);                         // at most two preemptions a run
//   do s.run({f, g}); while (s.advance()); // new fibers in each run
//
// The points of preemption of a fiber are:
//   - after it has taken a spinlock, and before it releases one
//   - before it wakes another fiber
//   - between its operations
//   - with granularity::atomics also before each acquire load without a lock and each release store
// atomics.hpp has the last point. schedule(…).replay(decisions) repeats a run, with the result of its
// s.decisions().
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace tests {

enum class granularity : bool { locks, atomics };

class schedule {
public:
    explicit schedule(int preemptions, granularity g = granularity::locks) noexcept
        : preemptions_(preemptions), granularity_(g) {}

    // Runs the functions as fibers, until each has ended or is stuck. Returns true for each fiber that
    // has ended. The stacks of stuck fibers are dropped: the objects on them are not destroyed.
    std::vector<bool> run(std::vector<std::function<void()>> const& fibers);

    // Prepares the next run of a depth-first search. Returns false if the last run was the final one.
    bool advance();

    // decisions() returns the decisions of the last run as text. After replay() the next run begins with
    // them.
    [[nodiscard]] std::string decisions() const;
    void replay(std::string const& decisions);

    // Marks a point of preemption. Called by a fiber.
    static void step();
    // Blocks the fiber until ready() is true. The schedule decides when it runs after that.
    static void wait_until(bool (*ready)());

    // Returns a number below n. The search decides it.
    std::size_t decide(std::size_t n);
    static std::size_t decide_now(std::size_t n);
    [[nodiscard]] bool may_preempt() const noexcept { return preempted_ < preemptions_; }
    [[nodiscard]] granularity points() const noexcept { return granularity_; }
    void count_preemption() noexcept { ++preempted_; }

private:
    struct decision {
        std::size_t chosen, of;
    };
    std::vector<decision> made_;
    std::size_t next_ = 0;
    int const preemptions_;
    granularity granularity_;
    int preempted_ = 0; // the number of preemptions in this run
};

} // namespace tests
