// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// kind.hpp: what differs between the two kinds of stacks.
//   kind_reserved.cpp    each stack is a range of address space with a guard, resident page by page
//   kind_segmented.cpp   each stack begins as a part of a page, without a guard, and grows by segments
#pragma once

#include <cstddef>
#include <cstdint>

namespace fiber::rt {

// How the slots of one size are used; in bytes, except colours. See stack.hpp.
struct slot_shape {
    std::size_t guard;  // at the low end; 0 if the neighbour begins there
    std::size_t canary; // checked where there is no guard page
    unsigned colours;   // number of positions of the record, one cache line apart: [stack.order]
    std::size_t phase;  // the slot's address minus phase is a multiple of the slot's size
};
[[nodiscard]] slot_shape shape_of(std::size_t slot_size) noexcept;

// Returns the initial stack size in bytes if the fiber, its runtime and FIBER_STACK_SIZE specify
// none.
[[nodiscard]] std::size_t default_stack_size() noexcept;

// Returns the stack size of a new thread, for fibers that replace threads.
[[nodiscard]] std::size_t thread_stack_size() noexcept;

// Called by an OS thread on its own stack, before it runs its first fiber and after its last one.
void begin_running_fibers() noexcept;
void end_running_fibers() noexcept;

// Returns the lowest address of the segment that the caller runs on; 0 if the caller runs on no
// segment.
[[nodiscard]] std::uintptr_t bottom_of_segment() noexcept;
// Runs body(argument) on a segment with at least `bytes` of stack and returns true. Returns false
// if the caller's stack does not grow by segments. Throws what with_stack throws.
[[nodiscard]] bool call_on_segment(std::size_t bytes, void (*body)(void*), void* argument);

// Called around fork(), and drop_threads_of_parent() in the child before it starts a thread.
void lock_running_threads() noexcept;
void unlock_running_threads() noexcept;
void drop_threads_of_parent() noexcept;

} // namespace fiber::rt
