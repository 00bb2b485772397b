// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Go's run queue: a ring whose head the owner and the thieves move by compare-and-swap, and whose tail is the
// owner's. A thief takes half.
//   invariant  head <= tail <= head + capacity, modulo 2^32; the items are in slots [head, tail)
#pragma once

#include "perf/rivals/queues/item.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace perf::queues {

class ring {
public:
    [[nodiscard]] bool push(item& i) noexcept {
        auto const h = head_.load(std::memory_order_acquire); // thieves have read the slots below h
        auto const t = tail_.load(std::memory_order_relaxed);
        if (t - h == capacity)
            return false;
        slot(t).store(&i, std::memory_order_relaxed);
        tail_.store(t + 1, std::memory_order_release); // a thief that sees t + 1 sees the slot
        return true;
    }

    [[nodiscard]] item* pop() noexcept {
        auto const t = tail_.load(std::memory_order_relaxed);
        auto h = head_.load(std::memory_order_relaxed);
        while (h != t) {
            item* const i = slot(h).load(std::memory_order_relaxed);
            if (head_.compare_exchange_weak(h, h + 1, std::memory_order_acq_rel, std::memory_order_relaxed))
                return i;
        }
        return nullptr;
    }

    [[nodiscard]] std::size_t steal(thief& by) noexcept {
        for (;;) {
            auto h = head_.load(std::memory_order_acquire);
            auto const t = tail_.load(std::memory_order_acquire);
            auto const n = (t - h + 1) / 2;
            if (n == 0)
                return 0;
            if (n > capacity / 2) // h and t were read at different times
                continue;
            for (std::uint32_t k = 0; k < n; ++k) // guesses until the exchange succeeds
                by.loot[k] = slot(h + k).load(std::memory_order_relaxed);
            if (head_.compare_exchange_strong(h, h + n, std::memory_order_acq_rel, std::memory_order_relaxed))
                return n;
        }
    }

private:
    static constexpr std::uint32_t capacity = 256;
    static_assert(capacity / 2 <= thief::most);

    [[nodiscard]] std::atomic<item*>& slot(std::uint32_t at) noexcept { return slots_[at % capacity]; }

    alignas(cache_line) std::atomic<std::uint32_t> head_{0};
    alignas(cache_line) std::atomic<std::uint32_t> tail_{0};
    std::array<std::atomic<item*>, capacity> slots_{};
};

} // namespace perf::queues
