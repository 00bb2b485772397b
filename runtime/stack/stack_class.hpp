// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_class.hpp: all stacks of one size in this process: the depot that the processors' caches draw on.
//
// [stack.credit] A fiber gets its stack when it first runs, but `go` must say then and there whether one can
// be had. So `go` takes a credit, which is address space and costs no memory, and running turns it into a
// stack, which cannot fail:
//   invariant  slots >= credits given out; a cache holds credits for the most stacks that it keeps idle, beside those
//              of its fibers
//   hence      while a fiber with a credit has no stack yet, some slot is bare or free in the depot
#pragma once

#include "runtime/stack/slab.hpp"
#include "runtime/stack/stack.hpp"

#include <cstddef>
#include <mutex>
#include <vector>

namespace fiber::rt {

class stack_class {
public:
    // The class of the given size rounded up to a power of two. Throws std::invalid_argument, naming the
    // limits.
    [[nodiscard]] static stack_class& of_size(std::size_t bytes);

    [[nodiscard]] std::size_t size() const noexcept { return size_; } // of a slot, with guard and record

    // Takes n credits. Throws std::system_error(resource_unavailable_try_again).
    void reserve(std::size_t n);
    void unreserve(std::size_t n) noexcept;

    // A list of 1 to n stacks, linked; needs credits. Sets taken to their number.
    [[nodiscard]] stack* take(std::size_t n, std::size_t& taken) noexcept;
    void give(stack* list) noexcept;

    struct figures {
        std::size_t bytes_reserved = 0,
                    bytes_cached = 0; // address space; idle stacks in the depots, at least a page each
    };
    [[nodiscard]] static figures totals() noexcept;
    // Gives the memory of all stacks in the depots back to the kernel.
    static void trim_all() noexcept;

    // For fork: the locks of all classes. What the depots hold is as good in the child as in the parent.
    static void lock_all() noexcept;
    static void unlock_all() noexcept;

    explicit stack_class(std::size_t size) noexcept : size_(size) {}

private:
    [[nodiscard]] bool grow() noexcept;
    [[nodiscard]] stack& make_bare_slot_a_stack() noexcept;
    void trim() noexcept;

    std::size_t const size_;
    mutable std::mutex lock_; // guards all below; a mutex, since growing and trimming call the kernel
    std::size_t slots_ = 0;
    std::size_t credits_ = 0; // given out
    stack* free_ = nullptr;   // suspended in fiber_main, warm, last in first out
    std::size_t free_count_ = 0;
    struct bare_slot {
        std::byte* begin;
        guard_kind guard;
    };
    std::vector<bare_slot> trimmed_;
    std::vector<slab> slabs_; // the part of each that has never been used
    unsigned next_colour_ = 0;
};

} // namespace fiber::rt
