// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// leftist_heap.hpp: a heap of timers by deadline, linked through the timers. It allocates no memory. Each
// operation takes O(log n) steps in the worst case, so all may run under a spinlock.
//   invariant  No timer is due before its parent. A timer's rank is the number of timers on its right path,
//              from the timer itself down to the end; null has rank 0. A left child's rank is at least the
//              right child's. Therefore the right path is the shortest way to an end, with at most
//              log2(n + 1) timers
//   callers    the holder of a lock
#pragma once

#include "runtime/base/platform/clock.hpp"
#include "runtime/wait/ticket.hpp"

#include <cstddef>
#include <cstdint>

namespace fiber::rt {

class timer_heap;

// The deadline of one wait, on the stack of the waiting agent.
struct timer {
    clock::time_point when;
    ticket key;
    timer_heap* home = nullptr; // the heap in which it was armed
    std::uint32_t slot = 0;     // its slot in that heap, or `linked`
    // home's lock guards the members from here on.
    bool armed = false; // true while the timer is in home's leftist heap
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
    // Returns the earliest timer, or null if the heap is empty.
    [[nodiscard]] timer* first() const noexcept { return root_; }
    [[nodiscard]] clock::time_point earliest() const noexcept { return empty() ? never : root_->when; }

    void push(timer&) noexcept;
    // Removes a timer, which must be in this heap.
    void remove(timer&) noexcept;

private:
    [[nodiscard]] static timer* merged(timer* a, timer* b) noexcept;

    timer* root_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace fiber::rt
