// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// tally.hpp: shared parts of tests with many agents, and of the tests of select.
#pragma once

#include <fiber/go.hpp>

#include <atomic>
#include <cstdint>
#include <vector>

namespace tests {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr int scale = 1;
#else
inline constexpr int scale = 10;
#endif

inline constexpr auto nothing = [] {};
inline constexpr auto ignore = [](auto&&) {};

// The count and the sum of values. Any number of agents add to it. It is compared after they have ended.
struct tally {
    std::atomic<std::uint64_t> count{0}, sum{0};
    void add(std::uint64_t value) {
        count.fetch_add(1, std::memory_order_relaxed);
        sum.fetch_add(value, std::memory_order_relaxed);
    }
    bool operator==(tally const& other) const { return count == other.count && sum == other.sum; }
};

inline void join_all(std::vector<fiber::handle>& handles) {
    for (auto& h : handles)
        h.join();
}

} // namespace tests
