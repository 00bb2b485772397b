// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does giving way cost: to nobody, and to one other party?
#include "perf/micro/micro.hpp"

#include <atomic>

namespace perf {
namespace {

template <class Rival>
void yield_alone(benchmark::State& state) {
    for (auto _ : state)
        Rival::yield();
}

// On one processor each yield is a switch there and, by the other's yield, one back.
template <class Rival>
void yield_to_one(benchmark::State& state) {
    std::atomic<bool> stop = false;
    typename Rival::thread other([&] {
        while (!stop.load(std::memory_order_relaxed))
            Rival::yield();
    });
    for (auto _ : state)
        Rival::yield();
    stop = true;
    other.join();
}

bool const registered = both("yield_alone", yield_alone<pthreads>, yield_alone<fibers>) &&
                        both("yield_to_one", yield_to_one<pthreads>, yield_to_one<fibers>);

} // namespace
} // namespace perf
