// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack.hpp: a stack, and the sizes of stacks.
//
// A stack is a slot of address space. Its size is a power of two, and it is aligned to its size:
//
//   slot begin                                                            slot end
//   │ guard │ not resident until touched …        … frames grow ◀──── │ stack │ colour │
//
// The record of the stack is at the top, in the page that is resident anyway. A colour of some
// cache lines moves it, because records at equal page offsets would compete for the same sets of
// the first-level cache.
#pragma once

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/stack/hook_record.hpp"
#include "runtime/stack/slab.hpp"

#include "asm/switch/switch.hpp"

#include <cstddef>
#include <cstdint>

namespace fiber::rt {

class stack_class;
struct machine;

#if defined(__aarch64__)
inline constexpr std::size_t guard_size = 65536; // compilers probe the stack in steps of 64 KiB
#else
inline constexpr std::size_t guard_size = page_size;
#endif
inline constexpr std::size_t min_stack_size = guard_size + 3 * page_size < 16384 ? 16384 : 4 * guard_size;
inline constexpr std::size_t max_stack_size = std::size_t{1} << 36; // 64 GiB of address space

// A switch uses the first cache line alone: all members up to size_class.
struct alignas(cache_line) stack {
    // Suspended in fiber_main: between two fibers, or inside of one. Holds no flow of control while
    // sp is null.
    arch::context context;
    stack* next = nullptr;   // in a cache or depot
    stack_class& size_class; // defines its size, and takes it back
    // Belongs to the fiber that runs on this stack:
    machine* pinned_to = nullptr; // non-null while the fiber is pinned
    stack* extension = nullptr;   // the stack that with_stack runs it on now, or null
    hook_record hook;             // [hook.record]
    guard_kind const guard;

    stack(stack_class& c, guard_kind g) noexcept : size_class(c), guard(g) {}
    [[nodiscard]] std::byte* slot() const noexcept;    // the first byte of its address space
    [[nodiscard]] std::byte* bottom() const noexcept;  // the lowest usable byte
    [[nodiscard]] std::size_t usable() const noexcept; // bytes between bottom() and this record
    [[nodiscard]] bool holds(std::uintptr_t address) const noexcept {
        return address - reinterpret_cast<std::uintptr_t>(bottom()) < usable();
    }
    // Returns false if the stack has no guard page and its lowest words have changed since its
    // creation.
    [[nodiscard]] bool canary_intact() const noexcept {
        return guard == guard_kind::page || canary_is_zero();
    }

private:
    [[nodiscard]] bool canary_is_zero() const noexcept;
};

} // namespace fiber::rt
