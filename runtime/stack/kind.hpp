// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// kind.hpp: what differs between the two kinds of stacks. kind_reserved.cpp: each is a range of address space of its own,
// with a guard, that becomes resident page by page. kind_segmented.cpp: each begins as a small piece of a page, which
// lies beside others, and grows by segments.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fiber::rt {

// How the slots of one size are used. In bytes but for colours: see stack.hpp.
struct slot_shape {
    std::size_t guard;  // at the low end; 0: its neighbour begins there
    std::size_t canary; // where there is no guard page
    unsigned colours;   // cache lines
    std::size_t phase;  // its address, less this, is a multiple of its size
};
[[nodiscard]] slot_shape shape_of(std::size_t slot_size) noexcept;

// What a fiber begins with if neither it nor its runtime nor FIBER_STACK_SIZE says anything else; in bytes.
[[nodiscard]] std::size_t default_stack_size() noexcept;

// As much as a thread has, for fibers that take the place of one.
[[nodiscard]] std::size_t thread_stack_size() noexcept;

// An OS thread, on its own stack, is about to run fibers; and has run its last one.
void begin_running_fibers() noexcept;
void end_running_fibers() noexcept;

// Where the memory below the caller ends, if it stands on a segment. 0: it does not.
[[nodiscard]] std::uintptr_t bottom_of_segment() noexcept;
// Runs body(argument) on a segment with that much room, if the caller's stack grows so. Throws as with_stack.
[[nodiscard]] bool call_on_segment(std::size_t bytes, void (*body)(void*), void* argument);

// For fork: around it, and in the child before its first thread.
void lock_running_threads() noexcept;
void unlock_running_threads() noexcept;
void drop_threads_of_parent() noexcept;

} // namespace fiber::rt
