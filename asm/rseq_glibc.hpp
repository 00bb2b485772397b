// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// rseq_glibc.hpp: glibc 2.35 and later on x86-64. The size is 0 where the kernel, a tunable or Valgrind wants none.
#pragma once

#include <atomic>
#include <cstddef>
#include <sys/rseq.h>

// Of each thread's struct rseq, from the thread pointer; 0: forbidden. In unlock_biased_x86_64.S.
extern "C" std::atomic<std::ptrdiff_t> fiber_arch_rseq_offset;

namespace fiber::arch {

[[nodiscard]] inline bool has_rseq() noexcept { return __rseq_size != 0; }

inline void enable_rseq() noexcept {
    fiber_arch_rseq_offset.store(__rseq_offset, std::memory_order_release); // [rseq.phase]
}

// relaxed: the caller has a fence for all threads follow
inline void disable_rseq() noexcept { fiber_arch_rseq_offset.store(0, std::memory_order_relaxed); }

} // namespace fiber::arch
