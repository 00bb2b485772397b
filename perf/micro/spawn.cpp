// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does starting a task cost: joined at once, a hundred in flight, and with a closure too large to be
// kept inline?
#include "perf/micro/micro.hpp"

#include <array>
#include <vector>

namespace perf {
namespace {

template <class Competitor>
void spawn_join(benchmark::State& state) {
    for (auto _ : state)
        typename Competitor::thread([] {}).join();
}

template <class Competitor>
void spawn_hundred(benchmark::State& state) {
    std::vector<typename Competitor::thread> threads;
    threads.reserve(100);
    for (auto _ : state) {
        for (int i = 0; i < 100; ++i)
            threads.emplace_back([] {});
        for (auto& t : threads)
            t.join();
        threads.clear();
    }
    state.SetItemsProcessed(state.iterations() * 100);
}

template <class Competitor>
void spawn_join_large_closure(benchmark::State& state) {
    std::array<char, 1024> payload{};
    for (auto _ : state)
        typename Competitor::thread([payload] { benchmark::DoNotOptimize(payload.data()); }).join();
}

bool const registered =
    both("spawn_join", spawn_join<pthreads>, spawn_join<fibers>) &&
    both("spawn_hundred", spawn_hundred<pthreads>, spawn_hundred<fibers>) &&
    both("spawn_join_large_closure", spawn_join_large_closure<pthreads>, spawn_join_large_closure<fibers>);

} // namespace
} // namespace perf
