// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The block-based queue of BWoS (Wang et al., OSDI '23), first in, first out: made from the paper's idea.
//
// The items lie in blocks. The owner puts into the newest and gets from the oldest, which is closed to thieves, so
// that neither needs a read-modify-write; thieves reserve items in all the others. Only when the owner's get comes
// to its next block does it exchange that block's reservation with "closed", and learns what thieves have left it.
//
//   block         reserved          items
//   free          round, closed     none: all have been taken, and all thieves have read theirs
//   open          round, r          [r, back) for whoever reserves them; [0, r) are thieves'
//   the owner's   round, closed     [front, back)
//
// The round keeps a thief that has slept from reserving in a later use of the block.
// In its oldest block, up to block_size items are out of the thieves' reach.
#pragma once

#include "perf/rivals/queues/item.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

namespace perf::queues {

template <std::uint32_t block_size>
class bwos {
public:
    [[nodiscard]] bool push(item& i) noexcept {
        auto at = put_.load(std::memory_order_relaxed);
        if (of(at).back.load(std::memory_order_relaxed) == block_size) {
            if (!open(at + 1))
                return false;
            put_.store(++at, std::memory_order_relaxed); // a guess for thieves, as get_
        }
        block& b = of(at);
        auto const n = b.back.load(std::memory_order_relaxed);
        b.slots[n] = &i;
        b.back.store(n + 1, std::memory_order_release); // a thief that sees n + 1 sees the slot
        return true;
    }

    [[nodiscard]] item* pop() noexcept {
        for (auto at = get_.load(std::memory_order_relaxed);;) {
            block& b = of(at);
            if (front_ < b.back.load(std::memory_order_relaxed))
                return b.slots[front_++];
            if (at == put_.load(std::memory_order_relaxed))
                return nullptr;
            take_over(++at);
        }
    }

    // All that is in the oldest block of those open.
    [[nodiscard]] std::size_t steal(thief& by) noexcept {
        auto const oldest = get_.load(std::memory_order_relaxed) + 1;
        auto const n = put_.load(std::memory_order_relaxed) - oldest + 1; // read later than get_, thus
        for (std::uint32_t k = 0; k < std::min(n, blocks); ++k)           // too large at worst
            if (auto const got = steal_from(of(oldest + k), by))
                return got;
        return 0;
    }

private:
    static constexpr std::uint32_t blocks = 256 / block_size; // together as many items as the ring
    static constexpr std::uint32_t closed = block_size;
    static_assert(block_size <= thief::most);

    [[nodiscard]] static constexpr std::uint64_t word(std::uint32_t round, std::uint32_t r) noexcept {
        return std::uint64_t{round} << 32 | r;
    }
    [[nodiscard]] static constexpr std::uint32_t reserved_in(std::uint64_t word) noexcept {
        return static_cast<std::uint32_t>(word);
    }

    struct block {
        alignas(cache_line) std::atomic<std::uint32_t> back{0}; // the owner's
        std::uint32_t thieves_part = 0; // the owner's: items reserved when it took over
        alignas(cache_line) std::atomic<std::uint64_t> reserved{word(0, closed)};
        std::atomic<std::uint32_t> stolen{0}; // items that thieves have reserved and read
        alignas(cache_line) std::array<item*, block_size> slots{};
    };

    [[nodiscard]] block& of(std::uint32_t at) noexcept { return blocks_[at % blocks]; }

    // False: the block is still in use.
    [[nodiscard]] bool open(std::uint32_t at) noexcept {
        block& b = of(at);
        if (at - get_.load(std::memory_order_relaxed) == blocks)
            return false;
        if (b.stolen.load(std::memory_order_acquire) != b.thieves_part) // thieves have read their slots
            return false;
        b.stolen.store(0, std::memory_order_relaxed);
        b.back.store(0, std::memory_order_relaxed);
        b.reserved.store(word(at, 0), std::memory_order_release); // who sees this round sees its back
        return true;
    }

    void take_over(std::uint32_t at) noexcept {
        block& b = of(at);
        // Relaxed: what it gets now it has put there itself.
        auto const before = b.reserved.exchange(word(at, closed), std::memory_order_relaxed);
        front_ = b.thieves_part = reserved_in(before);
        get_.store(at, std::memory_order_relaxed);
    }

    [[nodiscard]] static std::size_t steal_from(block& b, thief& by) noexcept {
        auto seen = b.reserved.load(std::memory_order_acquire);
        for (;;) {
            auto const first = reserved_in(seen);
            auto const last = b.back.load(std::memory_order_acquire);
            if (first >= last)
                return 0;
            auto const n = last - first;
            if (!b.reserved.compare_exchange_weak(seen, seen + n, std::memory_order_acquire))
                continue;
            std::copy_n(&b.slots[first], n, by.loot.begin());
            b.stolen.fetch_add(n, std::memory_order_release); // the slots may be used again
            return n;
        }
    }

    alignas(cache_line) std::uint32_t front_ = 0;
    std::atomic<std::uint32_t> put_{0};
    std::atomic<std::uint32_t> get_{0};
    std::array<block, blocks> blocks_;
};

} // namespace perf::queues
