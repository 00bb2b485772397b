// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// asymmetric_fence.hpp: a store-load fence with all of its cost on one side. A light and a heavy
// fence pair like two full fences: one is first, and everything before it is visible after the
// other.
//   light   orders only the compiler; for the side that runs often
//   heavy   makes every running thread of this process execute a full fence (membarrier). Takes microseconds
//           while other threads run; for the side that is about to sleep, or to take something away
// Where the kernel refuses membarrier, both are full fences. Two light fences never pair.
#pragma once

#include "runtime/base/atomics/cpu_relax.hpp"

#include <atomic>

namespace fiber::rt {

// Chooses the kind of fences. Must be called before the first fence of the process.
void choose_fences() noexcept;

inline constinit std::atomic<bool> fences_are_asymmetric{false}; // set by choose_fences

// relaxed: chosen before the threads that read it are started
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
