// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// timer_heap.hpp: the timers of one processor. It returns expired tickets, and wakes nobody.
//   invariant  A 4-ary heap by deadline. If there are very many timers, those not due soon are in buckets
//              instead. No timer in a bucket is due before all timers in the heap. An armed timer knows its
//              heap and its slot there, and the slot knows its position. Therefore disarming takes O(log n)
//              and leaves nothing behind
//   callers    make_room, arm: the processor's owner. expire, disarm: any machine
// A timer lies on the stack of the waiting fiber. The fiber disarms it before it goes on, unless the timer
// has expired. All that the heap needs is in the slots, which are close together. An access to a stack
// that has not run for a while costs a cache miss and a TLB miss, which take longer than all the rest.
#pragma once

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/lock/spinlock.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/base/platform/huge_page.hpp"
#include "runtime/time/leftist_heap.hpp"
#include "runtime/time/timer_buckets.hpp"
#include "runtime/wait/ticket.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace fiber::rt {

class timer_heap {
public:
    // Allocates if the heap is full. The owner calls it before it arms one more timer.
    void make_room() noexcept {
        if (in_slots() >= room_) [[unlikely]]
            make_more_room();
    }
    // Arms a timer. Cannot fail: without room in the slots, the timer is linked through itself.
    void arm(timer&) noexcept;
    // Arms a timer for a machine without a processor; the timer is linked. Returns true if it has
    // become the earliest. Then a machine that sleeps until the earliest deadline has to check it
    // again. When this returns, the timer may have been destroyed.
    [[nodiscard]] bool arm_from_elsewhere(timer&) noexcept;
    // Disarms a timer. Afterwards the timer is in no heap, nobody accesses it, and it may be destroyed.
    static void disarm(timer&) noexcept;

    // Removes timers that are due, up to room.size(), and claims the ticket of each. Returns the
    // tickets that were won, in order; the caller unparks them. A due timer beyond room.size() sets
    // earliest().
    [[nodiscard]] std::span<ticket> expire(clock::time_point now, std::span<ticket> room) noexcept;

    // Returns the earliest deadline, or `never` without timers. Relaxed: the owner knows its own timers,
    // others get a guess.
    [[nodiscard]] clock::time_point earliest() const noexcept {
        return clock::time_point(clock::duration(earliest_.load(std::memory_order_relaxed)));
    }
    [[nodiscard]] bool empty() const noexcept { return earliest() == never; }
    // Returns the number of timers. Any thread may call it; the result is a guess.
    [[nodiscard]] std::size_t size() const noexcept {
        return in_slots() + linked_size_.load(std::memory_order_relaxed);
    }

private:
    struct entry {
        clock::time_point when;
        std::uint32_t slot;
    };
    struct alignas(cache_line / 2) slot {
        ticket key; // has no agent if the slot is free
        clock::time_point when;
        // The timer's index in the heap; or its position in a bucket, with the bit in_bucket. In a free
        // slot: the next free slot, or none.
        std::uint32_t position;
    };
    static constexpr std::uint32_t in_bucket = std::uint32_t{1} << 31;
    // Chunks let the heap grow without moving an entry and without a lock, up to 16 million timers.
    static constexpr std::uint32_t arity = 4, chunk_size = timer_buckets::timers_a_chunk,
                                   max_chunks = timer_buckets::max_chunks, none = ~std::uint32_t{0};
    // Fewer timers are all in the cache, and need no buckets. perf/run --rivals, sleepers
    static constexpr std::size_t many = 1024;
    struct chunk {
        alignas(cache_line) std::array<entry, chunk_size> entries;
        std::array<slot, chunk_size> slots;
    };
    static_assert(sizeof(chunk) <= huge_page_size);
    struct free_chunk {
        void operator()(chunk* c) const noexcept { free_huge_page(c); }
    };
    // The first entries are unused, so that all children of an entry are in one cache line.
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

    // With fewer timers, make_room() has nothing to do: there is room, or none can be allocated. Accessed
    // by the owner alone.
    std::size_t room_ = 0;
    spinlock<lock_rank::timers> lock_; // guards the heap, the buckets and the linked timers
    std::atomic<std::size_t> size_{0}; // timers in slots: in the heap and in buckets
    std::atomic<clock::rep> earliest_{never.time_since_epoch().count()};
    std::unique_ptr<std::unique_ptr<chunk, free_chunk>[]> chunks_;
    std::size_t chunk_count_ = 0; // accessed by the owner alone
    std::size_t heap_size_ = 0;
    timer_buckets buckets_;
    std::uint32_t free_slot_ = none; // the slot that was freed last; free slots are linked by position
    std::uint32_t slots_used_ = 0;   // slots with lower numbers have been taken at least once
    leftist_heap linked_;            // timers armed by arm_from_elsewhere, or for which no chunk had room
    std::atomic<std::size_t> linked_size_{0}; // for size()
};

} // namespace fiber::rt
