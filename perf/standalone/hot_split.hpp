// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a call cost if it meets the end of a segment each time? Calls one function from many places on a
// stack. At some of them the segment is one frame short.
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

// Returns ns of each call: the minimum of many short rounds, since other programs make some of them longer.
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

// Each recursion moves the next call by some 32 bytes.
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

// Returns ns by which a call from the slowest place exceeds one from the fastest. Noise counts like a split.
inline double cost_of_hot_split(std::int64_t calls) {
    constexpr int depths = 100; // over more than a first segment
    from_least_to_most found;
    for (int depth = 0; depth < depths; ++depth)
        call_from(depth, calls, found);
    return found.most - found.least;
}

} // namespace perf::standalone
