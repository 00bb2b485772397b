// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// schedule.hpp: the waist (runtime/park.hpp) once more, for one OS thread, where every decision is the test's: which
// fiber goes on, whether a timer comes first, which case a select chooses. What is built on the waist alone can be
// linked with this in place of the runtime, and driven through all interleavings, or those with few preemptions.
//
//   schedule s(2);                       // at most two preemptions a run
//   do s.run({f, g}); while (s.advance()); // every fiber afresh in each run
//
// A fiber may be preempted when it has taken a spinlock, when it is about to release one, before it wakes another, and
// between its operations; with granularity::atomics also before each acquire load without a lock and each release store,
// see atomics.hpp. With s.decisions() of a run, schedule(…).replay(those) repeats it.
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

    // Runs the functions as fibers, until each has ended or waits for what will never come. True for those that ended.
    // The others' stacks are dropped as they are: what they own is not destroyed.
    std::vector<bool> run(std::vector<std::function<void()>> const& fibers);

    // On to the next run, in the order of a depth-first search; false: that was the last.
    bool advance();

    // The decisions of the last run, as text; and back: the next run begins with these.
    [[nodiscard]] std::string decisions() const;
    void replay(std::string const& decisions);

    // For a fiber: it may be preempted here.
    static void step();
    // For a fiber: it goes on at some time when ready() is true, if ever.
    static void wait_until(bool (*ready)());

    // One of n, decided by the search; for a fiber, by that of its run.
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
    int preempted_ = 0; // in this run
};

} // namespace tests
