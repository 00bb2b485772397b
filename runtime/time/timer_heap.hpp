// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// timer_heap.hpp: one processor's timers. Returns expired tickets, wakes nobody.
//   invariant  a 4-ary heap by deadline. An armed timer knows its heap and its slot there, and the slot its place in the
//              heap: so disarming is O(log n) and leaves nothing behind
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

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace fiber::rt {

class timer_heap;

struct timer {
    clock::time_point when;
    ticket key;
    timer_heap* home = nullptr; // where it was armed
    std::uint32_t slot = 0;     // its number there, or `listed`
    bool armed = false;         // among the listed: this, and the next, are guarded by home's lock
    timer* next = nullptr;
    timer* prev = nullptr;

    static constexpr std::uint32_t listed = ~std::uint32_t{0};
};

class timer_heap {
public:
    // By the owner, outside of locks, before it arms one more: allocates if the heap is full.
    void make_room() noexcept;
    void arm(timer&) noexcept;                // cannot fail: what has no room stands in a list, and is slow
    void arm_from_elsewhere(timer&) noexcept; // by a machine without a processor: into that list
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
    [[nodiscard]] std::size_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);
    } // less the listed

private:
    struct entry {
        clock::time_point when;
        std::uint32_t slot;
    };
    struct slot {
        ticket key;          // no party: free
        std::uint32_t place; // in the heap; of a free slot: the next free one, or none
    };
    // In chunks, so that growing moves nothing and locks nobody out: up to 16 million timers.
    static constexpr std::uint32_t arity = 4, chunk_size = 32768, most_chunks = 512, none = ~std::uint32_t{0};
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

    [[nodiscard]] bool has_room() const noexcept { return size() + unused < chunk_count_ * chunk_size; }
    [[nodiscard]] entry& at(std::size_t i) noexcept {
        return chunks_[(i + unused) / chunk_size]->entries[(i + unused) % chunk_size];
    }
    [[nodiscard]] slot& slot_at(std::size_t i) noexcept {
        return chunks_[i / chunk_size]->slots[i % chunk_size];
    }
    void put(std::size_t i, entry e) noexcept {
        at(i) = e;
        slot_at(e.slot).place = static_cast<std::uint32_t>(i);
    }
    [[nodiscard]] std::uint32_t take_slot(ticket) noexcept;
    void sift_up(std::size_t i, entry e) noexcept;
    void sift_down(std::size_t i, entry e) noexcept;
    void prefetch_grandchildren(std::size_t first_child) noexcept;
    void remove(std::uint32_t which) noexcept;
    void link(timer&) noexcept;
    void unlink(timer&) noexcept;
    void publish_earliest() noexcept;

    spinlock<lock_rank::timers> lock_; // guards the heap
    std::atomic<std::size_t> size_{0};
    std::atomic<clock::rep> earliest_{never.time_since_epoch().count()};
    std::unique_ptr<std::unique_ptr<chunk, free_chunk>[]> chunks_;
    std::size_t chunk_count_ = 0;    // the owner's alone
    std::uint32_t free_slot_ = none; // the one that was given back last; linked by place
    std::uint32_t slots_used_ = 0;   // those below have been taken at least once
    timer* first_listed_ =
        nullptr; // in no order: those armed from elsewhere, or when there was no memory for a chunk
};

} // namespace fiber::rt
