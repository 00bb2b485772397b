// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_class.hpp: all stacks of one size in this process: the depot that the processors' caches draw on.
//
// [stack.credit] A fiber gets its stack when it first runs, but `go` must say then and there whether one can
// be had. So `go` takes a credit, which is address space and costs no memory, and running turns it into a
// stack, which cannot fail:
//   invariant  slots >= credits given out; a cache holds credits for the most stacks that it keeps idle, beside those
//              of its fibers
//   hence      while a fiber with a credit has no stack yet, some slot is decommitted or free in the depot
//
// Idle stacks cost memory. Those that have not been taken for a while are made decommitted: their pages go back, the guard and
// the place stay. Nobody keeps a time for each: the least number that was there since the last look says how many of
// the coldest have not been needed.
#pragma once

#include "runtime/base/clock.hpp"
#include "runtime/base/relaxed.hpp"
#include "runtime/stack/kind.hpp"
#include "runtime/stack/slab.hpp"
#include "runtime/stack/stack.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

namespace fiber::rt {

class stack_class {
public:
    // The class of the given size rounded up to a power of two. Throws std::invalid_argument, naming the
    // limits.
    [[nodiscard]] static stack_class& of_size(std::size_t bytes);
    // That of fibers of which nobody has said anything.
    [[nodiscard]] static stack_class& default_class() noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return size_; } // of a slot, with guard and record
    [[nodiscard]] slot_shape shape() const noexcept { return shape_; }
    // Several share a page.
    [[nodiscard]] bool dense() const noexcept { return size_ < page_size; }
    // What one that is not decommitted has of the memory.
    [[nodiscard]] std::size_t min_resident() const noexcept { return std::min(size_, page_size); }

    // Takes n credits; if need be, from address space of other sizes. Throws
    // std::system_error(resource_unavailable_try_again).
    void reserve(std::size_t n);
    // Returns false if there is no address space for them, unless others give up theirs.
    [[nodiscard]] bool try_reserve(std::size_t n) noexcept;
    // Returns false if there would have to be more address space first.
    [[nodiscard]] bool reserve_existing(std::size_t n) noexcept;
    void unreserve(std::size_t n) noexcept;

    // A list of 1 to n stacks, linked, the warmest first; needs credits. Sets taken to their number.
    [[nodiscard]] stack* take(std::size_t n, std::size_t& taken) noexcept;
    // Likewise ordered.
    void give(stack* list) noexcept;

    struct statistics {
        std::size_t bytes_reserved = 0; // address space
        std::size_t bytes_resident = 0; // from a sample, if there are many
        std::size_t bytes_cached = 0;   // idle stacks here, at least a page each
    };
    [[nodiscard]] static statistics totals();

    // Gives the memory of all stacks that are idle here back to the kernel.
    static void trim_all() noexcept;
    // By a sysmon, when it is due: gives the memory of those back that have been idle for age_limit, or up to twice that.
    static void age_all(clock::time_point now) noexcept;
    [[nodiscard]] static bool ageing_is_due(clock::time_point now) noexcept;
    // When age_all() next has something to do; never: not before more stacks are given back.
    [[nodiscard]] static clock::time_point next_ageing() noexcept;
    static constexpr std::chrono::seconds age_limit{1};

    // Where address space is short: gives up slots of all classes but this one, until there are so many bytes, in rows of
    // `unit` if there are such. Returns how many bytes.
    [[nodiscard]] std::size_t reclaim_from_others(std::size_t wanted, std::size_t unit) noexcept;

    // The slot that the address is in, whatever is there; empty: none.
    [[nodiscard]] static memory_range slot_of(void const* address) noexcept;

    // For fork: the locks of all classes. What the depots hold is as good in the child as in the parent.
    static void lock_all() noexcept;
    static void unlock_all() noexcept;

    // New ones of those that share pages are made so many at once at most.
    static constexpr std::size_t max_at_once = 64;

    explicit stack_class(std::size_t size) noexcept : size_(size), shape_(shape_of(size)) {}

private:
    friend struct stack; // its place in its slot

    struct idle_stack {
        stack* at; // once it is decommitted: where it stood, and will stand
        guard_kind guard;
    };
    struct partial_slab {
        slab all;
        std::byte* unused; // from here on, in no block yet
    };

    // Each CPU cuts stacks from a block of its own, since the kernel locks a page table for each page that it makes resident:
    // two threads that do nothing else took up to twice as long in the same one.
    struct block { // of slots side by side, which have never been used
        std::byte* begin = nullptr;
        std::byte* end = nullptr;
        [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(end - begin); }
    };

    struct slot_run { // cut from a block
        std::byte* begin = nullptr;
        std::size_t n = 0;
        unsigned first_colour = 0;
    };

    [[nodiscard]] bool grow() noexcept;
    [[nodiscard]] stack* take_resident_locked(std::size_t n, std::size_t& taken) noexcept;
    [[nodiscard]] std::size_t take_decommitted_locked(std::span<idle_stack> to,
                                                      std::size_t& with_guard) noexcept;
    [[nodiscard]] slot_run carve_locked(std::size_t n) noexcept;
    [[nodiscard]] block& block_to_carve_locked() noexcept;
    [[nodiscard]] block next_block_locked() noexcept;
    [[nodiscard]] stack* record_in(slot_run const&, std::size_t i) const noexcept;
    [[nodiscard]] stack* make_in(slot_run const&) noexcept;
    [[nodiscard]] stack* make(std::span<idle_stack>, std::size_t with_guard) noexcept;
    [[nodiscard]] stack* list_of(std::span<idle_stack const>) noexcept;
    [[nodiscard]] std::byte* slot_around(void const* p) const noexcept {
        auto const distance = (reinterpret_cast<std::uintptr_t>(p) - shape_.phase) % size_; // a power of two
        return static_cast<std::byte*>(const_cast<void*>(p)) - distance;
    }
    static void destroy(stack&) noexcept;
    void release_some_locked() noexcept;
    void release_whole_pages_locked(std::size_t from, std::size_t to) noexcept;
    void release_unused() noexcept;
    [[nodiscard]] std::size_t reclaim(std::size_t wanted, std::size_t unit) noexcept;
    [[nodiscard]] std::size_t reclaim_unused_locked(std::size_t wanted) noexcept;
    [[nodiscard]] std::size_t reclaim_decommitted_locked(std::size_t wanted, std::size_t min_run) noexcept;
    [[nodiscard]] block reclaim_of_run_locked(block slots, std::size_t wanted) noexcept;
    [[nodiscard]] bool cut_out_locked(block) noexcept;
    [[nodiscard]] std::vector<partial_slab>::iterator slab_with_locked(std::byte const*) noexcept;
    void trim() noexcept;
    void age() noexcept;
    [[nodiscard]] std::size_t estimate_resident_bytes();

    std::size_t const size_;
    slot_shape const shape_;
    mutable std::mutex lock_; // guards all below; a mutex, since growing and trimming call the kernel
    std::size_t slots_ = 0;
    std::size_t credits_ = 0; // given out
    // Coldest first: [0, decommitted_) are decommitted, the others are suspended in fiber_main. There is room for all slots.
    std::vector<idle_stack> idle_;
    std::size_t decommitted_ = 0;
    std::size_t unused_ = 0;           // the least that idle_ has had since the last look
    relaxed<std::size_t> resident_{0}; // those that are not decommitted
    std::size_t batch_ = 1; // decommitted ones to be made stacks of at once: more while nothing comes back
    std::vector<partial_slab> slabs_;
    std::size_t first_unused_ = 0; // the slab for the next block; those before it have been used up
    std::array<block, 8> blocks_;  // more CPUs share them
    unsigned next_colour_ = 0;
};

} // namespace fiber::rt
