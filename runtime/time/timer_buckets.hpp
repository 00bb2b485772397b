// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// timer_buckets.hpp: timers that are not due soon, unsorted, as numbers of slots. A heap of very many
// timers would not fit in the cache. A bucket holds the timers of one eighth of a millisecond. Once
// every timer in the heap that is due before the first bucket is gone, that bucket's timers move to the
// heap.
//   invariant  A bucket is a chain of blocks. All blocks but the first are full. Therefore removal is O(1),
//              and the number of blocks that n timers can need is known
//   callers    make_room: the heap's owner, without a lock. All others: the holder of the heap's lock
#pragma once

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/platform/clock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace fiber::rt {

class timer_buckets {
public:
    static constexpr std::uint32_t nobody = ~std::uint32_t{0};
    static constexpr std::size_t timers_a_chunk = 32768, max_chunks = 512;

    // Allocates blocks for `timers` timers in all. If memory is short, the buckets take fewer timers.
    void make_room(std::size_t timers) noexcept;

    [[nodiscard]] bool empty() const noexcept { return first_ == none; }
    // Returns a time before which no timer here is due; `never` if the buckets are empty.
    [[nodiscard]] clock::time_point earliest() const noexcept {
        return empty() ? never : clock::time_point(clock::duration(first_ << width_bits));
    }

    // Makes the empty buckets take timers that are due after `when`, in the next count - 1 buckets.
    void begin_after(clock::time_point when) noexcept { begin_ = number_of(when) + 1; }
    [[nodiscard]] bool takes(clock::time_point when) const noexcept {
        return static_cast<std::uint64_t>(number_of(when) - begin_) < count - 1 && has_block();
    }
    // Adds a timer and returns its position.
    [[nodiscard]] std::uint32_t put(std::uint32_t timer, clock::time_point when) noexcept;
    // Removes a timer. Returns the timer that was moved to `position`, or nobody if none was.
    [[nodiscard]] std::uint32_t remove(std::uint32_t position, clock::time_point when) noexcept;
    // Removes and returns some timers of the first bucket, which takes no more timers from then on. The
    // span is valid until the next put().
    [[nodiscard]] std::span<std::uint32_t const> take_some() noexcept;

private:
    static constexpr int width_bits = 17; // log2 of a bucket's nanoseconds
    static constexpr std::int64_t count = 1024;
    static constexpr std::int64_t none = never.time_since_epoch().count() >> width_bits;

    static constexpr std::uint32_t timers_a_block = 15;
    struct alignas(cache_line) block {
        std::uint32_t next; // the next block of the bucket, or the next free block
        std::array<std::uint32_t, timers_a_block> timers;
    };
    // Each bucket may have one block that is not full.
    static constexpr std::size_t chunk_size = 4096;
    static_assert(chunk_size >= timers_a_chunk / timers_a_block + count);
    struct bucket {
        std::uint32_t first = nobody; // the first block
        std::uint32_t filled = 0;     // the number of timers in the first block
    };

    [[nodiscard]] static std::int64_t number_of(clock::time_point when) noexcept {
        return when.time_since_epoch().count() >> width_bits;
    }
    [[nodiscard]] static std::size_t index_of(std::int64_t number) noexcept {
        return static_cast<std::size_t>(number) % count;
    }
    [[nodiscard]] bucket& bucket_of(std::int64_t number) noexcept { return buckets_[index_of(number)]; }
    [[nodiscard]] block& block_at(std::uint32_t i) noexcept {
        return chunks_[i / chunk_size][i % chunk_size];
    }
    [[nodiscard]] bool has_block() const noexcept {
        return free_block_ != nobody || blocks_used_ < chunk_count_ * chunk_size;
    }
    [[nodiscard]] std::uint32_t take_block() noexcept;
    void drop_first_block(std::int64_t number) noexcept;
    [[nodiscard]] std::int64_t first_after(std::int64_t number) const noexcept;

    // Buckets in use have numbers from first_ to begin_ + count - 2. begin_ is at most first_ + 1.
    std::int64_t first_ = none;
    std::int64_t begin_ = 0; // the number of the first bucket that takes timers
    std::array<bucket, count> buckets_;
    std::array<std::uint64_t, count / 64> in_use_{};
    std::unique_ptr<std::unique_ptr<block[]>[]> chunks_;
    std::size_t chunk_count_ = 0;       // accessed by the owner alone
    std::uint32_t free_block_ = nobody; // the block that was freed last
    std::uint32_t blocks_used_ = 0;     // blocks with lower numbers have been taken at least once
};

} // namespace fiber::rt
