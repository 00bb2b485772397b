// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does it cost when very many tasks wait at once: to start them until all are parked, and to wake them
// until all have ended?
#pragma once

#include "perf/workload.hpp"
#include "perf/workloads/tasks.hpp"

#include <chrono>

namespace perf {

struct parked_and_woken {
    nanoseconds parking, waking;
    std::int64_t tasks;
};

// Each task waits in a receive, after a few ordinary calls. Calls at_rest() while all of them wait.
template <class Competitor, class F>
parked_and_woken park_and_wake(std::int64_t goal, F const& at_rest) {
    return Competitor::run([goal, &at_rest] {
        typename Competitor::template chan<bool> gate(0);
        countdown<Competitor> here(goal), ended(goal);
        auto const wait = [&](std::int64_t) {
            here.count_down();
            while (gate.recv()) {
            }
            ended.count_down();
        };
        auto const start = clock::now();
        auto const started = start_as_many<Competitor>(goal, wait);
        here.count_down(goal - started);
        ended.count_down(goal - started);
        here.wait();
        auto const parking = clock::now() - start;
        Competitor::sleep_for(std::chrono::milliseconds(200)); // until the last ones have parked
        at_rest();
        auto const opened = clock::now();
        gate.close();
        ended.wait();
        return parked_and_woken{parking, clock::now() - opened, started};
    });
}

template <class Competitor>
outcome park_all(std::int64_t n) {
    auto const all = park_and_wake<Competitor>(n, [] {});
    return {.value = static_cast<double>(all.parking.count()), .tasks = all.tasks};
}

template <class Competitor>
outcome wake_all(std::int64_t n) {
    auto const all = park_and_wake<Competitor>(n, [] {});
    return {.value = static_cast<double>(all.waking.count()), .tasks = all.tasks};
}

} // namespace perf
