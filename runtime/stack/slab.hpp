// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// slab.hpp: the address space that stacks are carved from, the guards below them and their memory.
// No other file of stack/ calls the kernel about memory. Where the kernel allows a process to call
// process_madvise on itself (Linux 6.14), one such call serves several ranges. Elsewhere each range
// needs its call.
#pragma once

#include <cstddef>
#include <span>

namespace fiber::rt {

// The smallest page of any kernel; all sizes here are multiples of it. x86-64 has no other. A
// kernel for aarch64 may have pages of 16 or 64 KiB; ranges are then rounded to these.
inline constexpr std::size_t page_size = 4096;
// The bytes that one page table maps.
inline constexpr std::size_t page_table_span = std::size_t{2} << 20;

// Reserves a range of address space, readable and writable. It becomes resident page by page when
// touched, even after mlockall(MCL_FUTURE). Its size is a multiple of `unit`, and so is its address
// minus `phase`. Reserves `wanted` bytes or, where the kernel refuses that, fewer, but at least
// `unit`. Returns a slab with a null begin if the kernel refuses that too.
struct slab {
    std::byte* begin = nullptr;
    std::byte* end = nullptr;
};
[[nodiscard]] slab reserve_slab(std::size_t wanted, std::size_t unit, std::size_t phase = 0) noexcept;

struct memory_range { // the layout of struct iovec
    std::byte* begin;
    std::size_t size;
};

// Return the range of the pages that a range touches, and of the pages that it contains completely.
[[nodiscard]] memory_range pages_around(memory_range, std::size_t page) noexcept;
[[nodiscard]] memory_range pages_within(memory_range, std::size_t page) noexcept;

// Returns part of a slab, in whole pages, to the kernel. Returns false if the kernel refuses
// because the process has too many map entries.
[[nodiscard]] bool release_address_space(memory_range) noexcept;

// How a stack is protected against overflow. A canary is checked only when the fiber ends.
enum class guard_kind : unsigned char { page, canary };

// Makes each range fault on access, and stores the kind of guard of each range in `kinds`:
//   1 by MADV_GUARD_INSTALL (Linux 6.13), which needs no map entry
//   2 else by mprotect, which needs two map entries, within a budget
//   3 else not at all: warns once, and the caller must check a canary
void install_guards(std::span<memory_range const>, guard_kind* kinds) noexcept;

// For tests: later guards are at most of this kind.
enum class guard_support : unsigned char { madvise, mprotect, none };
void limit_guards(guard_support) noexcept;

// Makes the pages resident and writable. Where that fails, the first touch makes them resident.
void populate_pages(std::span<memory_range const>) noexcept;

// Returns the pages to the kernel. They read as zero afterwards, and guards stay.
void release_pages(std::span<memory_range const>) noexcept;

// What touched_in() has found: it scans from the end, down to the first 128 pages that have nothing
// resident.
struct touched_memory {
    std::size_t resident = 0; // bytes
    std::size_t depth = 0;    // bytes from the end down to the lowest resident page found
};
[[nodiscard]] touched_memory touched_in(memory_range) noexcept;

} // namespace fiber::rt
