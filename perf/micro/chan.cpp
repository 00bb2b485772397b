// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a value cost on its way through a channel: by one task into a buffer and out, and between two
// tasks?
#include "perf/micro/micro.hpp"

#include <cstdint>

namespace perf {
namespace {

template <class Competitor>
void chan_alone(benchmark::State& state) {
    typename Competitor::template chan<std::int64_t> c(1);
    for (auto _ : state) {
        c.send(1);
        benchmark::DoNotOptimize(c.recv());
    }
}

template <class Competitor>
void receive_from_another(benchmark::State& state, std::size_t capacity) {
    typename Competitor::template chan<std::int64_t> values(capacity);
    typename Competitor::thread sender([values, n = static_cast<std::int64_t>(state.max_iterations)] {
        for (std::int64_t i = 0; i < n; ++i)
            values.send(i);
    });
    for (auto _ : state)
        benchmark::DoNotOptimize(values.recv());
    sender.join();
}

template <class Competitor>
void chan_unbuffered(benchmark::State& state) {
    receive_from_another<Competitor>(state, 0);
}

template <class Competitor>
void chan_buffer_of_128(benchmark::State& state) {
    receive_from_another<Competitor>(state, 128);
}

bool const registered = both("chan_alone", chan_alone<pthreads>, chan_alone<fibers>) &&
                        both("chan_unbuffered", chan_unbuffered<pthreads>, chan_unbuffered<fibers>) &&
                        both("chan_buffer_of_128", chan_buffer_of_128<pthreads>, chan_buffer_of_128<fibers>);

} // namespace
} // namespace perf
