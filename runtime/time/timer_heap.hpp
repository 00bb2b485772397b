// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// timer_heap.hpp: one processor's timers. Returns expired tickets, wakes nobody.
//   invariant  a 4-ary heap by deadline; of very many timers, those that are not due soon stand in buckets instead, and none
//              of these is due before all those in the heap. An armed timer knows its heap and its slot there, and the slot
//              its position: so disarming is O(log n) and leaves nothing behind
//   callers    make_room, arm: the processor's owner. expire, disarm: any machine
// A timer lies on the stack of the fiber that waits, which disarms it before it goes on, unless it has expired. All that
// the heap needs stands in the slots, which lie close together: a stack that nobody has run on for a while is a cache
// miss, and an address not yet translated, which takes as long as all the rest.
#pragma once

#include "runtime/base/clock.hpp"
#include "runtime/base/cpu_relax.hpp"
#include "runtime/base/huge_page.hpp"
#include "runtime/base/spinlock.hpp"
#include "runtime/base/ticket.hpp"
#include "runtime/time/leftist_heap.hpp"
#include "runtime/time/timer_buckets.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace fiber::rt {

class timer_heap {
public:
    // By the owner, before it arms one more: allocates if the heap is full.
    void make_room() noexcept {
        if (in_slots() >= room_) [[unlikely]]
            make_more_room();
    }
    // Cannot fail: a timer for which there is no room is linked through itself.
    void arm(timer&) noexcept;
    // By a machine without a processor: the timer is linked. Returns true if it is the earliest now. Then a machine that
    // sleeps until the earliest one has to look again. The timer may be gone by then.
    [[nodiscard]] bool arm_from_elsewhere(timer&) noexcept;
    // After this the timer may go: it is in no heap, and nobody looks at it.
    static void disarm(timer&) noexcept;

    // Takes out what is due, as much as there is room for, and claims each one's ticket. Those won, in order, for the
    // caller to unpark. What has found no room is `earliest` now.
    [[nodiscard]] std::span<ticket> expire(clock::time_point now, std::span<ticket> room) noexcept;

    // The earliest deadline; `never` without timers. Relaxed: the owner knows its own, others get a guess.
    [[nodiscard]] clock::time_point earliest() const noexcept {
        return clock::time_point(clock::duration(earliest_.load(std::memory_order_relaxed)));
    }
    [[nodiscard]] bool empty() const noexcept { return earliest() == never; }
    // Any; a guess.
    [[nodiscard]] std::size_t size() const noexcept {
        return in_slots() + linked_size_.load(std::memory_order_relaxed);
    }

private:
    struct entry {
        clock::time_point when;
        std::uint32_t slot;
    };
    struct alignas(cache_line / 2) slot {
        ticket key; // no agent: free
        clock::time_point when;
        std::uint32_t
            position; // in the heap; in a bucket: with in_bucket; of a free slot: the next free one, or none
    };
    static constexpr std::uint32_t in_bucket = std::uint32_t{1} << 31;
    // In chunks, so that growing moves nothing and locks nobody out: up to 16 million timers.
    static constexpr std::uint32_t arity = 4, chunk_size = timer_buckets::timers_a_chunk,
                                   max_chunks = timer_buckets::max_chunks, none = ~std::uint32_t{0};
    // Fewer are in the cache, all of them.
    static constexpr std::size_t many = 1024;
    struct chunk {
        alignas(cache_line) std::array<entry, chunk_size> entries;
        std::array<slot, chunk_size> slots;
    };
    static_assert(sizeof(chunk) <= huge_page_size);
    struct free_chunk {
        void operator()(chunk* c) const noexcept { free_huge_page(c); }
    };
    // The first ones stay empty, so that the children of one entry are in one cache line.
    static constexpr std::size_t unused = arity - 1;

    void make_more_room() noexcept;
    [[nodiscard]] std::size_t in_slots() const noexcept { return size_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::size_t capacity() const noexcept {
        return chunk_count_ == 0 ? 0 : chunk_count_ * chunk_size - unused;
    }
    [[nodiscard]] entry& at(std::size_t i) const noexcept {
        return chunks_[(i + unused) / chunk_size]->entries[(i + unused) % chunk_size];
    }
    [[nodiscard]] slot& slot_at(std::size_t i) noexcept {
        return chunks_[i / chunk_size]->slots[i % chunk_size];
    }
    void put(std::size_t i, entry e) noexcept {
        at(i) = e;
        slot_at(e.slot).position = static_cast<std::uint32_t>(i);
    }
    [[nodiscard]] std::uint32_t take_slot(timer const&) noexcept;
    [[nodiscard]] bool may_wait_in_bucket(clock::time_point when) noexcept;
    bool fetch_from_bucket() noexcept;
    void push(entry e) noexcept { sift_up(heap_size_++, e); }
    void sift_up(std::size_t i, entry e) noexcept;
    void sift_down(std::size_t i, entry e) noexcept;
    void prefetch_grandchildren(std::size_t first_child) noexcept;
    void remove(std::uint32_t which) noexcept;
    void remove_from_heap(std::size_t i) noexcept;
    void link(timer&) noexcept;
    void unlink(timer&) noexcept;
    [[nodiscard]] bool linked_is_first() const noexcept;
    void publish_earliest() noexcept;

    std::size_t room_ = 0;             // the owner's alone: for so many there is some, or none to be had
    spinlock<lock_rank::timers> lock_; // guards the heap, the buckets and the linked timers
    std::atomic<std::size_t> size_{0}; // of both: timers in slots
    std::atomic<clock::rep> earliest_{never.time_since_epoch().count()};
    std::unique_ptr<std::unique_ptr<chunk, free_chunk>[]> chunks_;
    std::size_t chunk_count_ = 0; // the owner's alone
    std::size_t heap_size_ = 0;
    timer_buckets buckets_;
    std::uint32_t free_slot_ = none; // the one that was given back last; linked by position
    std::uint32_t slots_used_ = 0;   // those below have been taken at least once
    leftist_heap linked_;            // those armed from elsewhere, or when there was no memory for a chunk
    std::atomic<std::size_t> linked_size_{0}; // for size()
};

} // namespace fiber::rt
