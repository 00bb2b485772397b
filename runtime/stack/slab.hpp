// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// slab.hpp: the address space that stacks are cut from, and the guards below them. The only file of stack/
// that calls the kernel.
#pragma once

#include <cstddef>

namespace fiber::rt {

// A range of address space, a multiple of `unit` and aligned to it, readable and writable, resident page by
// page as it is touched. Takes `wanted` bytes or, where that much is refused, fewer, but at least `unit`;
// null begin: none.
struct slab {
    std::byte* begin = nullptr;
    std::byte* end = nullptr;
};
[[nodiscard]] slab reserve_slab(std::size_t wanted, std::size_t unit) noexcept;

// How far a stack is guarded against overflow. `canary`: only looked at when the stack is given back.
enum class guard_kind : unsigned char { page, canary };

// Makes [at, at + size) fault on access: by MADV_GUARD_INSTALL (Linux 6.13), which costs no map entry; else
// by mprotect, which costs two, while they last; else not at all, with one warning, and the caller looks
// after a canary.
[[nodiscard]] guard_kind install_guard(std::byte* at, std::size_t size) noexcept;

// Gives the pages back; they read as zero again. The guard stays.
void release_pages(std::byte* begin, std::byte* end) noexcept;

} // namespace fiber::rt
