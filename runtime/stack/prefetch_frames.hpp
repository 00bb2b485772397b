// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// prefetch_frames.hpp: prefetches the frames through which a suspended fiber will return.
#pragma once

#include "runtime/base/atomics/cpu_relax.hpp"

#include <cstddef>
#include <cstdint>

namespace fiber::rt {

// Prefetches the innermost frames of a stack with its frames from sp to end. The addresses may be guesses.
inline void prefetch_frames(std::uintptr_t sp, std::uintptr_t end) noexcept {
    constexpr std::size_t max_bytes = 10 * cache_line; // the frames of a wait with a deadline
    for (std::size_t i = 0; i < max_bytes && sp + i < end; i += cache_line)
        __builtin_prefetch(reinterpret_cast<void const*>(sp + i));
}

} // namespace fiber::rt
