// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The rows of ./perf/run --rivals, in the order of the table: what is done, how often, and what is shown.
// How often is fixed, so that a competitor needs no more than a loop; it is enough for the fastest to take some
// tens of milliseconds.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace perf {

struct contest {
    enum class shows { wall_of_each, wall_of_all, wall_and_cpu_of_all };

    std::string_view name;  // for --only, --json, and the competitors' command line
    std::string_view title; // {} stands for the count
    std::int64_t count;
    std::int64_t quick_count;
    shows value = shows::wall_of_each;
    bool heavy = false; // a million at once: competitors that take long and gigabytes for it do it once
};

inline std::vector<contest const*> all_contests() {
    using enum contest::shows;
    static constexpr contest list[] = {
        {"yield_2", "yield, two tasks", 4'000'000, 1'000'000},
        {"yield_10", "yield, ten tasks", 4'000'000, 1'000'000},
        {"ring", "ring of 503, unbuffered channels: a hop", 1'000'000, 250'000},
        {"ping_pong", "ping-pong, unbuffered channel: a round trip", 500'000, 125'000},
        {"pipe", "producer to consumer, buffer of 128: an item", 4'000'000, 1'000'000},
        {"many_to_many", "four producers to four consumers, buffer of 128: an item", 4'000'000, 1'000'000},
        {"select", "select over two unbuffered channels: an item", 1'000'000, 250'000},
        {"sieve", "sieve to prime number {}", 2'500, 1'000, wall_of_all},
        {"spawn_join", "start one and join it", 500'000, 125'000},
        {"spawn_all", "start {}, wait for all: each", 1'000'000, 100'000, wall_of_each, true},
        {"park_all", "start {}, until all are parked: each", 1'000'000, 100'000, wall_of_each, true},
        {"wake_all", "wake {} parked, until all have ended: each", 1'000'000, 100'000, wall_of_each, true},
        {"skynet", "skynet, {} leaves", 1'000'000, 100'000, wall_of_all, true},
        {"sleepers", "{} sleep five times", 100'000, 20'000, wall_and_cpu_of_all},
    };
    std::vector<contest const*> all;
    for (auto const& c : list)
        all.push_back(&c);
    return all;
}

} // namespace perf
