// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// huge_page.hpp: memory by the huge page, for timers, of which there may be a million. Found at random among 4 KiB pages,
// each of them is an address to be translated anew, which takes longer than the cache miss that comes with it.
#pragma once

#include <cstddef>

namespace fiber::rt {

inline constexpr std::size_t huge_page_size = std::size_t{2} << 20;

// `small`: for the first of its kind, which most programs do not fill: it becomes resident as it is touched.
enum class page_kind : bool { small, huge };

// Uninitialised, huge_page_size bytes, aligned to as many; null: no memory.
[[nodiscard]] void* allocate_huge_page(page_kind) noexcept;
void free_huge_page(void*) noexcept;

} // namespace fiber::rt
