// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a yield cost: alone, to one other task, and in a ring?
#include "perf/micro/micro.hpp"

#include <atomic>
#include <vector>

namespace perf {
namespace {

template <class Competitor>
void yield_alone(benchmark::State& state) {
    for (auto _ : state)
        Competitor::yield();
}

// On one processor each iteration has two switches: one to the other task, and one back by its own yield.
template <class Competitor>
void yield_to_one(benchmark::State& state) {
    std::atomic<bool> stop = false;
    typename Competitor::thread other([&] {
        while (!stop.load(std::memory_order_relaxed))
            Competitor::yield();
    });
    for (auto _ : state)
        Competitor::yield();
    stop = true;
    other.join();
}

// All members yield from the same place. On one processor "each" is a yield with its switch, without the
// mispredicted returns that two different places cost.
template <class Competitor, bool every_other_computes>
void yield_in_ring(benchmark::State& state) {
    constexpr int members = 10;
    constexpr int rounds = 1000;
    for (auto _ : state) {
        std::vector<typename Competitor::thread> ring;
        for (int i = 0; i < members; ++i)
            ring.emplace_back([i] {
                if (every_other_computes && i % 2 != 0) {
                    double volatile x = 1;
                    x = x / 3; // which raises "inexact", for good
                }
                for (int k = 0; k < rounds; ++k)
                    Competitor::yield();
            });
        for (auto& t : ring)
            t.join();
    }
    using benchmark::Counter;
    state.counters["each"] = Counter(double(members) * rounds * double(state.iterations()),
                                     Counter::Flags(Counter::kIsRate | Counter::kInvert));
}

bool const registered =
    both("yield_alone", yield_alone<pthreads>, yield_alone<fibers>) &&
    both("yield_to_one", yield_to_one<pthreads>, yield_to_one<fibers>) &&
    both("yield_in_ring", yield_in_ring<pthreads, false>, yield_in_ring<fibers, false>) &&
    both("yield_in_ring/computing", yield_in_ring<pthreads, true>, yield_in_ring<fibers, true>);

} // namespace
} // namespace perf
