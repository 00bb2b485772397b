// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// leftist_heap.hpp: timers linked through themselves, the earliest first. It needs no memory, and each operation takes
// O(log n) steps at the worst, so that all may be done under a spinlock.
//   invariant  no timer is due before its parent. The rank of a timer is the number of timers from it to the end, going
//              right, and is 0 for none. The left child's rank is not below the right child's: so the way right is the
//              shortest to an end, and no longer than log2(n + 1)
//   callers    the holder of a lock
#pragma once

#include "runtime/base/clock.hpp"
#include "runtime/base/ticket.hpp"

#include <cstddef>
#include <cstdint>

namespace fiber::rt {

class timer_heap;

// One wait's deadline, on the stack of the agent that waits.
struct timer {
    clock::time_point when;
    ticket key;
    timer_heap* home = nullptr; // where it was armed
    std::uint32_t slot = 0;     // its number there, or `linked`
    bool armed = false;         // linked, and in the leftist heap: all from here on is guarded by home's lock
    std::uint8_t rank = 0;
    timer* parent = nullptr;
    timer* left = nullptr;
    timer* right = nullptr;

    static constexpr std::uint32_t linked = ~std::uint32_t{0};
};

class leftist_heap {
public:
    leftist_heap() = default;
    leftist_heap(leftist_heap const&) = delete;
    leftist_heap& operator=(leftist_heap const&) = delete;

    [[nodiscard]] bool empty() const noexcept { return root_ == nullptr; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    // The earliest; null if it is empty.
    [[nodiscard]] timer* first() const noexcept { return root_; }
    [[nodiscard]] clock::time_point earliest() const noexcept { return empty() ? never : root_->when; }

    void push(timer&) noexcept;
    // One that is here.
    void remove(timer&) noexcept;

private:
    [[nodiscard]] static timer* merged(timer* a, timer* b) noexcept;

    timer* root_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace fiber::rt
