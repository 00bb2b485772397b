// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a sleep cost when very many tasks sleep at once? All start from one gate, then each sleeps five
// times, 1 to 50 ms. CPU time is that of all threads: the wall clock mostly shows how long the sleeps are.
#pragma once

#include "perf/harness/machine.hpp"
#include "perf/workloads/tasks.hpp"

#include <atomic>

namespace perf {

inline constexpr std::int64_t sleeps = 5; // of each task

// Spread over the range, the same for all competitors.
inline std::chrono::milliseconds how_long(std::uint64_t task, std::uint64_t round) {
    return std::chrono::milliseconds(1 + (task * 2654435761U + round * 40503U) % 50);
}

// Measures from the opening of the gate until the last task is done.
template <class Competitor>
outcome sleep_at_once(std::int64_t wanted) {
    auto const goal = affordable(wanted, 8 * 1024);
    return Competitor::run([goal] {
        typename Competitor::template chan<bool> gate(0);
        countdown<Competitor> ready(goal), done(goal);
        std::atomic<std::int64_t> early = 0;
        auto const wait_and_sleep = [&](std::int64_t number) {
            auto const self = static_cast<std::uint64_t>(number);
            ready.count_down();
            while (gate.recv()) {
            }
            for (std::uint64_t round = 0; round < std::uint64_t{sleeps}; ++round) {
                auto const start = clock::now();
                Competitor::sleep_for(how_long(self, round));
                if (clock::now() - start < how_long(self, round))
                    early.fetch_add(1);
            }
            done.count_down();
        };
        auto const started = start_as_many<Competitor>(goal, wait_and_sleep);
        ready.count_down(goal - started);
        done.count_down(goal - started);
        ready.wait();
        auto const cpu_before = cpu_time();
        auto const start = clock::now();
        gate.close();
        done.wait();
        std::chrono::duration<double, std::nano> const wall = clock::now() - start,
                                                       cpu = cpu_time() - cpu_before;
        verify(early == 0, "none slept too short");
        return outcome{.value = wall.count(), .tasks = started, .cpu = cpu.count()};
    });
}

} // namespace perf
