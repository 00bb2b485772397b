// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/time/timer_buckets.hpp"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

namespace fiber::rt {

void timer_buckets::make_room(std::size_t timers) noexcept {
    if (chunks_ == nullptr)
        chunks_.reset(new (std::nothrow) std::unique_ptr<block[]>[max_chunks]);
    if (chunks_ == nullptr)
        return;
    while (chunk_count_ * timers_a_chunk < timers && chunk_count_ < max_chunks) {
        // Blocks are uninitialised until they are written. No lock: others access only blocks in use.
        chunks_[chunk_count_].reset(new (std::nothrow) block[chunk_size]);
        if (chunks_[chunk_count_] == nullptr)
            return;
        ++chunk_count_;
    }
}

namespace {

// A position is the number of a block times 16, plus an index into its timers, which are fewer than 16.
constexpr std::uint32_t positions_a_block = 16;

} // namespace

std::uint32_t timer_buckets::put(std::uint32_t timer, clock::time_point when) noexcept {
    auto const number = number_of(when);
    bucket& b = bucket_of(number);
    if (b.first == nobody) {
        in_use_[index_of(number) / 64] |= std::uint64_t{1} << index_of(number) % 64;
        first_ = std::min(first_, number);
    }
    if (b.first == nobody || b.filled == timers_a_block) {
        auto const fresh = take_block();
        block_at(fresh).next = b.first;
        b = {fresh, 0};
    }
    block_at(b.first).timers[b.filled] = timer;
    return b.first * positions_a_block + b.filled++;
}

std::uint32_t timer_buckets::remove(std::uint32_t position, clock::time_point when) noexcept {
    auto const number = number_of(when);
    bucket& b = bucket_of(number);
    auto const last = b.first * positions_a_block + --b.filled;
    auto const moved = block_at(b.first).timers[b.filled];
    block_at(position / positions_a_block).timers[position % positions_a_block] = moved;
    if (b.filled == 0)
        drop_first_block(number);
    return position != last ? moved : nobody;
}

std::span<std::uint32_t const> timer_buckets::take_some() noexcept {
    begin_ = first_ + 1;
    bucket const b = bucket_of(first_);
    drop_first_block(first_);
    return std::span(block_at(b.first).timers).first(b.filled);
}

std::uint32_t timer_buckets::take_block() noexcept {
    return free_block_ != nobody ? std::exchange(free_block_, block_at(free_block_).next) : blocks_used_++;
}

void timer_buckets::drop_first_block(std::int64_t number) noexcept {
    bucket& b = bucket_of(number);
    auto const dropped = std::exchange(b.first, block_at(b.first).next);
    block_at(dropped).next = std::exchange(free_block_, dropped);
    b.filled = timers_a_block;
    if (b.first != nobody)
        return;
    in_use_[index_of(number) / 64] &= ~(std::uint64_t{1} << index_of(number) % 64);
    if (number == first_)
        first_ = first_after(number);
}

// Searches the buckets once around, from the bucket after `number`.
std::int64_t timer_buckets::first_after(std::int64_t number) const noexcept {
    auto const start = index_of(number + 1);
    auto word = in_use_[start / 64] & (~std::uint64_t{0} << start % 64);
    for (std::size_t i = start / 64, words = 0; words <= in_use_.size(); ++words) {
        if (word != 0) {
            auto const found = i * 64 + static_cast<std::size_t>(std::countr_zero(word));
            return number + 1 + static_cast<std::int64_t>((found - start) % count);
        }
        i = (i + 1) % in_use_.size();
        word = in_use_[i];
    }
    return none;
}

} // namespace fiber::rt
