// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack.hpp: a stack, and the sizes they come in.
//
// A stack is a slot of address space, a power of two in size and aligned to it:
//
//   slot begin                                                            slot end
//   │ guard │ not resident until touched …        … frames grow ◀──── │ stack │ colour │
//
// Its own record stands at the top, in the page that is resident anyway, moved by a colour of some cache
// lines: equal page offsets on all stacks would fall into the same sets of the first-level cache.
#pragma once

#include "runtime/stack/slab.hpp"

#include "asm/switch.hpp"

#include <cstddef>
#include <cstdint>

namespace fiber::rt {

class stack_class;
struct machine;

#if defined(__aarch64__)
inline constexpr std::size_t guard_size = 65536; // compilers probe at steps of 64 KiB there
#else
inline constexpr std::size_t guard_size = page_size;
#endif
inline constexpr std::size_t min_stack_size = guard_size + 3 * page_size < 16384 ? 16384 : 4 * guard_size;
inline constexpr std::size_t max_stack_size = std::size_t{1} << 36; // 64 GiB of address space

struct stack {
    // Suspended in fiber_main, between two fibers or in the middle of one; no flow of control while sp is
    // null.
    arch::context context;
    stack* next = nullptr;   // in a cache or depot
    stack_class& size_class; // gives its size, takes it back
    // Of the fiber that stands on it:
    machine* pinned_to = nullptr; // while it is pinned
    stack* extension = nullptr;   // with_stack: where it stands now, if not here
    guard_kind const guard;

    stack(stack_class& c, guard_kind g) noexcept : size_class(c), guard(g) {}
    [[nodiscard]] std::byte* slot() const noexcept;    // where its address space begins
    [[nodiscard]] std::byte* bottom() const noexcept;  // the lowest usable byte
    [[nodiscard]] std::size_t usable() const noexcept; // from there up to this record
    [[nodiscard]] bool holds(std::uintptr_t address) const noexcept {
        return address - reinterpret_cast<std::uintptr_t>(bottom()) < usable();
    }
    // Where no guard page could be had: whether the lowest words are still as they were made, zero.
    [[nodiscard]] bool canary_intact() const noexcept {
        return guard == guard_kind::page || canary_is_zero();
    }

private:
    [[nodiscard]] bool canary_is_zero() const noexcept;
};

} // namespace fiber::rt
