// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// run_queue.hpp: the fibers one processor will run next, in FIFO order.
//   invariant  head <= tail <= head + capacity, modulo 2^32; slots [head, tail) hold runnable fibers, and nothing else
//              holds them
//   callers    push, pop, take_half: the owner. steal_half_from: the owner of the queue that receives. size: any; a guess
#pragma once

#include "runtime/base/assert.hpp"
#include "runtime/base/cpu_relax.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace fiber::rt {

class fiber;

class run_queue {
public:
    static constexpr std::uint32_t capacity = 256; // a power of two; 2 KiB a processor

    [[nodiscard]] std::uint32_t size() const noexcept {
        auto const t = tail_.load(std::memory_order_relaxed);
        auto const h = head_.load(std::memory_order_relaxed);
        auto const n = t - h; // head may have been read later than tail
        return n <= capacity ? n : 0;
    }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

    // False: the queue is full, and g is still the caller's.
    [[nodiscard]] bool push(fiber& g) noexcept {
        auto const h =
            head_.load(std::memory_order_acquire); // [rq.consume] thieves have read the slots below h
        auto const t = tail_.load(std::memory_order_relaxed); // only the owner writes it
        if (t - h == capacity)
            return false;
        slot(t).store(&g, std::memory_order_relaxed);
        tail_.store(t + 1, std::memory_order_release); // [rq.publish] a thief that sees t + 1 sees the slot
        return true;
    }

    [[nodiscard]] fiber* pop() noexcept {
        auto h = head_.load(std::memory_order_relaxed);
        auto const t = tail_.load(std::memory_order_relaxed);
        while (t != h) {
            fiber* const g = slot(h).load(std::memory_order_relaxed);
            // [rq.consume] acquire too: the slot may hold a fiber that came with a stolen batch
            if (head_.compare_exchange_weak(h, h + 1, std::memory_order_acq_rel, std::memory_order_relaxed))
                return g;
        }
        return nullptr;
    }

    using batch = std::array<fiber*, capacity / 2>;

    // Takes half of a full queue out, for the overflow into the global queue; the number taken, 0 if thieves
    // were there first.
    [[nodiscard]] std::uint32_t take_half(batch& into) noexcept {
        auto const h = head_.load(std::memory_order_acquire);
        auto const n = (tail_.load(std::memory_order_relaxed) - h) / 2;
        return grab(h, n, into.data()) ? n : 0;
    }

    // Moves half of the victim's fibers, rounded up, to this queue, which is empty; but the oldest, which it
    // returns.
    [[nodiscard]] fiber* steal_half_from(run_queue& victim) noexcept {
        FIBER_ASSERT(empty());
        auto const t = tail_.load(std::memory_order_relaxed);
        std::uint32_t n = 0;
        batch loot;
        for (;;) {
            auto const vh = victim.head_.load(std::memory_order_acquire);
            auto const vt = victim.tail_.load(std::memory_order_acquire); // [rq.publish]
            n = vt - vh;
            n -= n / 2;
            if (n == 0)
                return nullptr;
            if (n > capacity / 2) // vh and vt were read at different times
                continue;
            if (victim.grab(vh, n, loot.data()))
                break;
        }
        --n;
        for (std::uint32_t i = 0; i < n; ++i)
            slot(t + i).store(loot[i + 1], std::memory_order_relaxed);
        tail_.store(t + n, std::memory_order_release); // [rq.publish]
        return loot[0];
    }

private:
    [[nodiscard]] bool grab(std::uint32_t h, std::uint32_t n, fiber** into) noexcept {
        for (std::uint32_t i = 0; i < n; ++i)
            into[i] = slot(h + i).load(std::memory_order_relaxed); // guesses until the exchange succeeds
        return head_.compare_exchange_strong(h, h + n, std::memory_order_acq_rel,
                                             std::memory_order_relaxed); // [rq.consume]
    }
    [[nodiscard]] std::atomic<fiber*>& slot(std::uint32_t i) noexcept { return slots_[i % capacity]; }

    alignas(cache_line) std::atomic<std::uint32_t> head_{0}; // thieves write it
    alignas(cache_line) std::atomic<std::uint32_t> tail_{0}; // the owner alone does
    std::array<std::atomic<fiber*>, capacity> slots_{};
};

} // namespace fiber::rt
