// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// elements.hpp: element types with restrictions, which record copies, moves and destructions.
#pragma once

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <utility>

namespace tests {

// Counts its instances, and records whether it has been moved from.
struct counted {
    static inline std::atomic<int> alive{0};
    static inline std::atomic<int> valid{0}; // alive and not moved from

    explicit counted(int n) : value(n) { ++alive, ++valid; }
    counted(counted&& other) noexcept : value(std::exchange(other.value, moved_from)) { ++alive; }
    counted& operator=(counted&& other) noexcept {
        if (value != moved_from)
            --valid;
        value = std::exchange(other.value, moved_from);
        return *this;
    }
    ~counted() {
        --alive;
        if (value != moved_from)
            --valid;
    }

    static constexpr int moved_from = -1;
    int value;
};

// A move-only type. Its move throws when `fuse` reaches zero.
struct throwing_move {
    static inline std::atomic<int> alive{0};
    static inline int fuse = 0; // the n-th move from now throws; 0 for none

    explicit throwing_move(int n) : value(n) { ++alive; }
    throwing_move(throwing_move&& other) : value(burn(other.value)) {
        other.value = -1;
        ++alive;
    }
    throwing_move& operator=(throwing_move&& other) {
        value = burn(other.value);
        other.value = -1;
        return *this;
    }
    ~throwing_move() { --alive; }

    static int burn(int n) {
        if (fuse > 0 && --fuse == 0)
            throw std::runtime_error("moved once too often");
        return n;
    }
    int value;
};

// A type as before C++11: it can only be copied, and the copy may throw.
struct throwing_copy {
    static inline int fuse = 0;

    explicit throwing_copy(int n) : value(n) {}
    throwing_copy(throwing_copy const& other) : value(other.value) {
        if (fuse > 0 && --fuse == 0)
            throw std::runtime_error("copied once too often");
    }
    throwing_copy& operator=(throwing_copy const&) = default;
    int value;
};

struct alignas(256) over_aligned {
    explicit over_aligned(int n = 0) : value(n) {}
    [[nodiscard]] bool is_aligned() const { return reinterpret_cast<std::uintptr_t>(this) % 256 == 0; }
    int value;
};

struct alignas(128) over_aligned_throwing {
    explicit over_aligned_throwing(int n) : value(n), aligned(is_aligned()) {}
    over_aligned_throwing(over_aligned_throwing const& other)
        : value(other.value), aligned(other.aligned && is_aligned()) {}
    over_aligned_throwing& operator=(over_aligned_throwing const&) = default;
    [[nodiscard]] bool is_aligned() const { return reinterpret_cast<std::uintptr_t>(this) % 128 == 0; }
    int value;
    bool aligned;
};

} // namespace tests
