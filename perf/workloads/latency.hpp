// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How late are timers, and tasks that another one has woken, while others compute? One task sleeps for a
// millisecond again and again, and wakes a second one each time. competitors/go/latency.go does the same.
#pragma once

#include "perf/workload.hpp"

#include <algorithm>
#include <atomic>
#include <vector>

namespace perf {

// Appends p50, p99 and the longest, in ns.
inline void append_spread(std::vector<double>& to, std::vector<nanoseconds> all) {
    verify(!all.empty(), "there are samples");
    std::sort(all.begin(), all.end());
    for (std::size_t const percent : {50U, 99U, 100U})
        to.push_back(static_cast<double>(all[std::min(all.size() - 1, all.size() * percent / 100)].count()));
}

// Returns the spread of timers, then of wakes.
template <class Competitor>
outcome lateness(unsigned computing, std::int64_t milliseconds) {
    return Competitor::run([=] {
        constexpr std::chrono::milliseconds period{1}; // of the timer
        std::atomic<bool> enough = false;
        std::vector<nanoseconds> timers, wakes;
        typename Competitor::template chan<clock::time_point> woken(1);
        std::vector<typename Competitor::thread> all;
        for (unsigned i = 0; i < computing; ++i)
            all.emplace_back([&] {
                while (!enough.load(std::memory_order_relaxed)) {
                }
            });
        all.emplace_back([&] {
            while (auto const since = woken.recv())
                wakes.push_back(clock::now() - *since);
        });
        for (auto const end = clock::now() + std::chrono::milliseconds(milliseconds); clock::now() < end;) {
            auto const due = clock::now() + period;
            Competitor::sleep_for(period);
            auto const now = clock::now();
            timers.push_back(now - due);
            woken.send(now);
        }
        woken.close();
        enough = true;
        for (auto& t : all)
            t.join();
        outcome found;
        append_spread(found.list, timers);
        append_spread(found.list, wakes);
        return found;
    });
}

} // namespace perf
