// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a sleep cost when very many sleep at once? All start from one gate, then each sleeps five times,
// 1 to 50 ms.
#pragma once

#include "perf/harness/machine.hpp"
#include "perf/work/tasks.hpp"

#include <atomic>

namespace perf {

inline constexpr std::uint64_t sleeps = 5; // of each task

// Spread over the range, the same for all rivals.
inline std::chrono::milliseconds how_long(std::uint64_t task, std::uint64_t round) {
    return std::chrono::milliseconds(1 + (task * 2654435761U + round * 40503U) % 50);
}

struct slept {
    nanoseconds wall, cpu; // from the opening of the gate until the last was done
    std::int64_t tasks;
};

template <class Competitor>
slept sleep_at_once(std::int64_t goal) {
    return Competitor::run([goal] {
        typename Competitor::template chan<bool> gate(0);
        countdown<Competitor> ready(goal), done(goal);
        std::atomic<std::int64_t> early = 0;
        auto const started = start_as_many<Competitor>(goal, [&](std::int64_t number) {
            auto const self = static_cast<std::uint64_t>(number);
            ready.count_down();
            while (gate.recv()) {
            }
            for (std::uint64_t round = 0; round < sleeps; ++round) {
                auto const start = clock::now();
                Competitor::sleep_for(how_long(self, round));
                if (clock::now() - start < how_long(self, round))
                    early.fetch_add(1);
            }
            done.count_down();
        });
        ready.count_down(goal - started);
        done.count_down(goal - started);
        ready.wait();
        auto const cpu_before = cpu_time();
        auto const start = clock::now();
        gate.close();
        done.wait();
        slept const all{clock::now() - start, cpu_time() - cpu_before, started};
        verify(early == 0, "none slept too short");
        return all;
    });
}

} // namespace perf
