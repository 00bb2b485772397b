// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// slab.hpp: the address space that stacks are cut from, the guards below them and the memory in them. The only file
// of stack/ that calls the kernel. Where many ranges are given, one call of process_madvise does for all of them, if
// the kernel lets a process do that to itself (Linux 6.14): a third to four fifths less time than one by one.
#pragma once

#include <cstddef>
#include <span>

namespace fiber::rt {

// The smallest that a kernel has, of which all sizes here are multiples. On x86-64 there is no other; on aarch64 a kernel may
// have pages of 16 or 64 KiB, and then what it is told is rounded to those.
inline constexpr std::size_t page_size = 4096;
// What one page table maps.
inline constexpr std::size_t page_table_span = std::size_t{2} << 20;

// A range of address space, readable and writable, resident page by page as it is touched, also under
// mlockall(MCL_FUTURE). Its size is a multiple of `unit`, and so is its address, less `phase`. Takes `wanted` bytes or,
// where that much is refused, fewer, but at least `unit`; null begin: none.
struct slab {
    std::byte* begin = nullptr;
    std::byte* end = nullptr;
};
[[nodiscard]] slab reserve_slab(std::size_t wanted, std::size_t unit, std::size_t phase = 0) noexcept;

struct memory_range { // laid out as the kernel wants it
    std::byte* begin;
    std::size_t size;
};

// The pages that a range touches, and the pages that lie in it as a whole.
[[nodiscard]] memory_range pages_around(memory_range, std::size_t page) noexcept;
[[nodiscard]] memory_range pages_within(memory_range, std::size_t page) noexcept;

// Gives a part of a slab, whole pages, back to the kernel. False: it refuses, since there are too many map entries.
[[nodiscard]] bool release_address_space(memory_range) noexcept;

// How far a stack is guarded against overflow. `canary`: only looked at when its fiber ends.
enum class guard_kind : unsigned char { page, canary };

// Makes each range fault on access: by MADV_GUARD_INSTALL (Linux 6.13), which costs no map entry; else by mprotect,
// which costs two, while they last; else not at all, with one warning, and the caller looks after a canary. Sets
// as many kinds.
void install_guards(std::span<memory_range const>, guard_kind* kinds) noexcept;

// For tests: no better guards than these, from here on.
enum class guard_support : unsigned char { madvise, mprotect, none };
void limit_guards(guard_support) noexcept;

// Makes the pages resident, for writing; where that fails, the first touch does it.
void populate_pages(std::span<memory_range const>) noexcept;

// Gives the pages back; they read as zero again. Guards stay.
void release_pages(std::span<memory_range const>) noexcept;

// Counted from the end, down to where a stretch of half a MiB has none.
struct touched_memory {
    std::size_t resident = 0; // bytes
    std::size_t depth = 0;    // from the end down to the lowest resident page
};
[[nodiscard]] touched_memory touched_in(memory_range) noexcept;

} // namespace fiber::rt
