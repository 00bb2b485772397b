// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// counters.hpp: counters that one machine writes and any thread may read.
#pragma once

#include <atomic>
#include <cstdint>

namespace fiber::rt {

// Counting costs a plain load and store. release and acquire: a reader that sees an event counted
// also sees the events counted before it, in other counters too: [count].
class counter {
public:
    counter& operator++() noexcept {
        increment_from(own_value());
        return *this;
    }
    // Increments; for a caller that has just read own_value().
    void increment_from(std::uint64_t mine) noexcept {
        n_.store(mine + 1, std::memory_order_release); // [count]
    }
    [[nodiscard]] std::uint64_t own_value() const noexcept { return n_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t read() const noexcept {
        return n_.load(std::memory_order_acquire); // [count]
    }

private:
    std::atomic<std::uint64_t> n_{0};
};

} // namespace fiber::rt
