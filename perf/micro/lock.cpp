// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does lock and unlock cost: with nobody else, and against seven others?
#include "perf/micro/micro.hpp"

#include <atomic>
#include <mutex>
#include <vector>

namespace perf {
namespace {

template <class Competitor>
void lock_alone(benchmark::State& state) {
    typename Competitor::mutex mutex;
    for (auto _ : state) {
        std::lock_guard lock(mutex);
        benchmark::ClobberMemory();
    }
}

template <class Competitor>
void lock_against_seven(benchmark::State& state) {
    typename Competitor::mutex mutex;
    std::atomic<bool> stop = false;
    std::vector<typename Competitor::thread> others;
    for (int i = 0; i < 7; ++i)
        others.emplace_back([&] {
            while (!stop.load(std::memory_order_relaxed))
                std::lock_guard lock(mutex);
        });
    for (auto _ : state) {
        std::lock_guard lock(mutex);
        benchmark::ClobberMemory();
    }
    stop = true;
    for (auto& t : others)
        t.join();
}

bool const registered = both("lock_alone", lock_alone<pthreads>, lock_alone<fibers>) &&
                        both("lock_against_seven", lock_against_seven<pthreads>, lock_against_seven<fibers>);

} // namespace
} // namespace perf
