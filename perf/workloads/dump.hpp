// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a dump of very many parked tasks cost? How long does it hold up a task that is running, and when
// is the text there? competitors/go/dump.go does the same.
#pragma once

#include "perf/harness/cpu_waits.hpp"
#include "perf/workload.hpp"
#include "perf/workloads/park_all.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace perf {

// Takes a dump in a separate OS thread. Returns the longest time for which the calling task, which does
// nothing but yield, did not go on. Times for which the kernel ran another program on its CPU do not count.
template <class Competitor>
nanoseconds pause_by_dump(bool snapshot, std::string const& begin) {
    std::atomic<bool> ended = false;
    std::string text;
    std::thread dumps([&] {
        text = Competitor::dump({.snapshot = snapshot});
        ended = true;
    });
    cpu_waits waits;
    nanoseconds pause{};
    for (auto last = clock::now(); !ended.load(std::memory_order_relaxed);) {
        Competitor::yield();
        auto const now = clock::now();
        pause = std::max<nanoseconds>(pause, now - last - waits.since_last_call());
        last = now;
    }
    dumps.join();
    verify(text.starts_with(begin), "the dump has all tasks");
    return pause;
}

// Returns the median of nine dumps.
template <class Competitor>
outcome longest_pause_by_dump(bool snapshot, std::int64_t n) {
    if constexpr (!requires { Competitor::dump({}); })
        cannot("has none");
    else {
        std::vector<nanoseconds> pauses(9);
        park_and_wake<Competitor>(n, [&] {
            for (nanoseconds& pause : pauses)
                pause = pause_by_dump<Competitor>(snapshot, std::to_string(n + 1) + " fibers on ");
        });
        auto const middle = pauses.begin() + pauses.size() / 2;
        std::nth_element(pauses.begin(), middle, pauses.end());
        return whole(*middle);
    }
}

// Equal tasks are grouped: the text is short.
template <class Competitor>
outcome time_of_dump(std::int64_t n) {
    if constexpr (!requires { Competitor::dump({}); })
        cannot("has none");
    else {
        nanoseconds took{};
        park_and_wake<Competitor>(n, [&] {
            auto const start = clock::now();
            std::string const text = Competitor::dump({.most = static_cast<std::size_t>(n)});
            took = clock::now() - start;
            verify(text.size() < 10'000, "equal tasks are grouped");
        });
        return whole(took);
    }
}

} // namespace perf
