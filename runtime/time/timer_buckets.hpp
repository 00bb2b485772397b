// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// timer_buckets.hpp: those of very many timers that are not due yet, by their numbers, unsorted: a heap of all would not
// fit the cache. A bucket holds those of an eighth of a millisecond. The first one is moved to the heap when all that stand
// there before it have gone.
//   invariant  a bucket is a chain of blocks, all full but its first: so taking one out is O(1), and it is known how many
//              blocks so many timers can need
//   callers    make_room: the heap's owner, which needs no lock. All others: the holder of the heap's lock
#pragma once

#include "runtime/base/clock.hpp"
#include "runtime/base/cpu_relax.hpp"

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

    // For so many timers in all: allocates. Without memory it takes fewer.
    void make_room(std::size_t timers) noexcept;

    [[nodiscard]] bool empty() const noexcept { return first_ == none; }
    // No timer here is due before; `never` if it is empty.
    [[nodiscard]] clock::time_point earliest() const noexcept {
        return empty() ? never : clock::time_point(clock::duration(first_ << width_bits));
    }

    // While it is empty: from now on it takes those that come after this one, though not too long after.
    void begin_after(clock::time_point when) noexcept { begin_ = number_of(when) + 1; }
    [[nodiscard]] bool takes(clock::time_point when) const noexcept {
        return static_cast<std::uint64_t>(number_of(when) - begin_) < count - 1 && has_block();
    }
    // Returns its position.
    [[nodiscard]] std::uint32_t put(std::uint32_t timer, clock::time_point when) noexcept;
    // Returns the timer that has been moved to that position; nobody, if none has.
    [[nodiscard]] std::uint32_t remove(std::uint32_t position, clock::time_point when) noexcept;
    // Takes out some of the first bucket, which is no longer put into. Valid until the next put.
    [[nodiscard]] std::span<std::uint32_t const> take_some() noexcept;

private:
    static constexpr int width_bits = 17; // of nanoseconds
    static constexpr std::int64_t count = 1024;
    static constexpr std::int64_t none = never.time_since_epoch().count() >> width_bits;

    static constexpr std::uint32_t timers_a_block = 15;
    struct alignas(cache_line) block {
        std::uint32_t next; // of the same bucket, or free
        std::array<std::uint32_t, timers_a_block> timers;
    };
    // Each bucket may have one that is not full.
    static constexpr std::size_t chunk_size = 4096;
    static_assert(chunk_size >= timers_a_chunk / timers_a_block + count);
    struct bucket {
        std::uint32_t first = nobody; // block
        std::uint32_t filled = 0;     // of its timers
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

    // Those in use have numbers from first_ to begin_ + count - 2, and begin_ is first_ + 1 at the most.
    std::int64_t first_ = none;
    std::int64_t begin_ = 0; // of those that are put into
    std::array<bucket, count> buckets_;
    std::array<std::uint64_t, count / 64> in_use_{};
    std::unique_ptr<std::unique_ptr<block[]>[]> chunks_;
    std::size_t chunk_count_ = 0;       // the owner's alone
    std::uint32_t free_block_ = nobody; // the one that was given back last
    std::uint32_t blocks_used_ = 0;     // those below have been taken at least once
};

} // namespace fiber::rt
