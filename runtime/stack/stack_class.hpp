// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_class.hpp: the depot of all stacks of one size in this process. The stack caches of the
// processors take stacks from it and return them.
//
// [stack.credit] A fiber gets its stack when it first runs, but `go` must report at once if no
// stack can be had. Therefore `go` takes a credit, which costs address space but no memory. The
// first run turns the credit into a stack, which cannot fail.
//   invariant    slots >= credits given out; a cache holds credits for the maximum number of stacks that it
//                keeps idle, in addition to the credits of its fibers
//   consequence  while a fiber with a credit has no stack yet, some slot in the depot is decommitted or free
//
// Idle stacks use memory. Stacks that have stayed idle for a while are decommitted: their pages go
// back to the kernel, while the guard and the position of the record stay. No stack has a time
// stamp. The depot records the minimum number of its idle stacks since the last check: that number
// of the coldest stacks has not been needed.
#pragma once

#include "runtime/base/atomics/relaxed.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/base/platform/stack_order.hpp"
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
    // Returns the class of the given size, rounded up to a power of two. Throws
    // std::invalid_argument, which names the limits.
    [[nodiscard]] static stack_class& of_size(std::size_t bytes);
    // Returns the class of fibers that ask for no stack size.
    [[nodiscard]] static stack_class& default_class() noexcept;

    // Returns the bytes of a slot, including guard and record.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] slot_shape shape() const noexcept { return shape_; }
    // Returns true if several stacks share a page.
    [[nodiscard]] bool dense() const noexcept { return size_ < page_size; }
    // Returns the minimum number of resident bytes of a stack that is not decommitted.
    [[nodiscard]] std::size_t min_resident() const noexcept { return std::min(size_, page_size); }

    // Takes n credits, if necessary from the address space of other sizes. Throws
    // std::system_error(resource_unavailable_try_again).
    void reserve(std::size_t n);
    // Takes n credits. Returns false if the address space is exhausted unless other sizes return
    // some.
    [[nodiscard]] bool try_reserve(std::size_t n) noexcept;
    // Takes n credits without new address space. Returns false if there are too few.
    [[nodiscard]] bool reserve_existing(std::size_t n) noexcept;
    void unreserve(std::size_t n) noexcept;

    // Returns a linked list of 1 to n stacks, the warmest first, and sets `taken` to their number.
    // The caller must have the credits.
    [[nodiscard]] stack* take(std::size_t n, std::size_t& taken) noexcept;
    // Takes back a linked list of stacks, the warmest first.
    void give(stack* list) noexcept;

    struct statistics {
        std::size_t bytes_reserved = 0; // address space
        std::size_t bytes_resident = 0; // estimated from a sample if there are many stacks
        std::size_t bytes_cached = 0;   // of stacks that are idle in the depots, at least a page each
    };
    [[nodiscard]] static statistics totals();

    // Returns the memory of all stacks that are idle in the depots to the kernel.
    static void trim_all() noexcept;
    // Called by sysmon when ageing is due: returns the memory of the stacks that have been idle for
    // age_limit to twice age_limit.
    static void age_all(clock::time_point now) noexcept;
    [[nodiscard]] static bool ageing_is_due(clock::time_point now) noexcept;
    // Returns when age_all() has work next; `never` if it has none until more stacks are given
    // back.
    [[nodiscard]] static clock::time_point next_ageing() noexcept;
    static constexpr std::chrono::seconds age_limit{1};

    // Called when address space is short: reclaims slots of all classes but this one until `wanted`
    // bytes are free, preferring runs of at least `unit` bytes. Returns the number of bytes
    // reclaimed.
    [[nodiscard]] std::size_t reclaim_from_others(std::size_t wanted, std::size_t unit) noexcept;

    // Returns the slot that contains the address, whether or not a stack is there; an empty range
    // if there is none.
    [[nodiscard]] static memory_range slot_of(void const* address) noexcept;

    // Called around fork(): locks and unlocks all classes. The contents of the depots stay valid in
    // the child.
    static void lock_all() noexcept;
    static void unlock_all() noexcept;

    // Maximum number of stacks that are created at once in a class that shares pages among stacks.
    static constexpr std::size_t max_at_once = 64;
    static_assert(max_at_once % stack_period == 0, "[stack.order]");
    // Maximum number of blocks that are carved at a time. If there are more CPUs, they share blocks.
    static constexpr std::size_t max_blocks = 8;

    explicit stack_class(std::size_t size) noexcept : size_(size), shape_(shape_of(size)) {}

private:
    friend struct stack; // its position in its slot

    struct idle_stack {
        stack* at; // once decommitted: the address of its record before and afterwards
        guard_kind guard;
    };
    struct partial_slab {
        slab all;
        std::byte* unused; // from here to the end: in no block yet
    };

    // Each CPU carves stacks from a separate block. The kernel locks a page table while it makes a
    // page resident, so threads that touch pages of the same page table contend for that lock.
    struct block { // adjacent slots that have never been used
        std::byte* begin = nullptr;
        std::byte* end = nullptr;
        [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(end - begin); }
    };

    struct slot_run { // carved from a block
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
    mutable std::mutex lock_; // guards all below; a mutex, because grow() and trim() call the kernel
    std::size_t slots_ = 0;
    std::size_t credits_ = 0; // given out
    // Coldest first: [0, decommitted_) are decommitted, the others are suspended in fiber_main. Has
    // capacity for all slots.
    std::vector<idle_stack> idle_;
    std::size_t decommitted_ = 0;
    std::size_t unused_ = 0;           // the minimum size of idle_ since the last check
    relaxed<std::size_t> resident_{0}; // idle stacks that are not decommitted
    std::size_t batch_ = 1;            // doubled by each take() that creates stacks, reset by give()
    std::vector<partial_slab> slabs_;
    std::size_t first_unused_ = 0; // the slab of the next block; earlier slabs are used up
    std::array<block, max_blocks> blocks_;
    unsigned next_colour_ = 0;
};

} // namespace fiber::rt
