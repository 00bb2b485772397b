// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// asymmetric_fence.hpp: a store-load fence whose cost is all on one side. A light and a heavy fence pair like
// two full ones: one is first, and what came before it is visible after the other.
//   light   nothing but an order for the compiler: for the side that runs all the time
//   heavy   the kernel has every running thread of this process pass a full fence (membarrier). About 9 µs while
//           others run, 0.1 µs alone: for the side that is about to sleep, or to take something away
// Where the kernel refuses membarrier, both are full fences. Two light ones never pair.
#pragma once

#include "runtime/base/cpu_relax.hpp"

#include <atomic>

namespace fiber::rt {

// Once, before the first fence of the process.
void choose_fences() noexcept;

inline constinit std::atomic<bool> fences_are_asymmetric{false}; // set by choose_fences

// relaxed: chosen before the threads that read it were started
[[nodiscard]] inline bool light_fences_are_full() noexcept {
    return !fences_are_asymmetric.load(std::memory_order_relaxed);
}

inline void compiler_fence() noexcept { asm volatile("" ::: "memory"); }

inline void light_fence() noexcept {
    if (light_fences_are_full()) [[unlikely]]
        full_fence();
    compiler_fence();
}

void heavy_fence() noexcept;

} // namespace fiber::rt
