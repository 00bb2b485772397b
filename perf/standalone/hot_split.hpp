// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a call cost more that meets the end of a segment each time? From each place on a stack, as many calls of one
// function: at some, it is one frame short.
#pragma once

#include "perf/workload.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace perf::standalone {

[[gnu::noinline]] inline void called() {
    [[maybe_unused]] char volatile frame[64];
    frame[0] = 1;
}

// Of each call, in ns: the least of many short rounds, for whatever else runs makes some of them longer.
[[gnu::noinline]] inline double time_of_a_call(std::int64_t calls) {
    constexpr std::int64_t in_a_round = 2'000;
    double least = std::numeric_limits<double>::max();
    for (; calls > 0; calls -= in_a_round) {
        auto const start = clock::now();
        for (std::int64_t i = 0; i < in_a_round; ++i)
            called();
        least = std::min(least, static_cast<double>(nanoseconds(clock::now() - start).count()));
    }
    return least / in_a_round;
}

struct from_least_to_most {
    double least = std::numeric_limits<double>::max(), most = 0;
};

// One call of itself moves the next by some 32 bytes.
[[gnu::noinline]] inline void call_from(int depth, std::int64_t calls, from_least_to_most& found) {
    [[maybe_unused]] char volatile frame = 1;
    if (depth == 0) {
        double const time = time_of_a_call(calls);
        found.least = std::min(found.least, time);
        found.most = std::max(found.most, time);
    } else {
        call_from(depth - 1, calls, found);
    }
    frame = 0; // no tail call
}

// By the ns: the dearest place against the cheapest. Noise counts as if it were a split.
inline double cost_of_hot_split(std::int64_t calls) {
    constexpr int depths = 100; // over more than a first segment
    from_least_to_most found;
    for (int depth = 0; depth < depths; ++depth)
        call_from(depth, calls, found);
    return found.most - found.least;
}

} // namespace perf::standalone
