// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// huge_page.hpp: allocates huge pages for timers, of which there may be a million. Among 4 KiB
// pages, each randomly accessed timer needs an address translation that takes longer than its cache
// miss.
#pragma once

#include <cstddef>

namespace fiber::rt {

inline constexpr std::size_t huge_page_size = std::size_t{2} << 20;

// `small` is for the first allocation, which most programs do not fill: it becomes resident as it
// is touched.
enum class page_kind : bool { small, huge };

// Returns huge_page_size uninitialised bytes, aligned to huge_page_size; null if there is no
// memory.
[[nodiscard]] void* allocate_huge_page(page_kind) noexcept;
void free_huge_page(void*) noexcept;

} // namespace fiber::rt
