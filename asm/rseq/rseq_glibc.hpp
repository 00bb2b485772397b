// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// rseq_glibc.hpp: restartable sequences with glibc 2.35 or later on x86-64. glibc's size of struct
// rseq is 0 where the kernel, a tunable or Valgrind disables rseq.
#pragma once

#include <atomic>
#include <cstddef>
#include <sys/rseq.h>

// The offset of each thread's struct rseq from the thread pointer; 0 while sequences are disabled.
// Defined in unlock_biased_x86_64.S.
extern "C" std::atomic<std::ptrdiff_t> fiber_arch_rseq_offset;

namespace fiber::arch {

[[nodiscard]] inline bool has_rseq() noexcept { return __rseq_size != 0; }

inline void enable_rseq() noexcept {
    fiber_arch_rseq_offset.store(__rseq_offset, std::memory_order_release); // [rseq.phase]
}

// relaxed: the caller executes a membarrier afterwards, which is a fence for all threads
inline void disable_rseq() noexcept { fiber_arch_rseq_offset.store(0, std::memory_order_relaxed); }

} // namespace fiber::arch
