// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// restartable_rseq.hpp: glibc 2.35 and later on x86-64. The size is 0 where the kernel, a tunable or Valgrind wants none.
#pragma once

#include <atomic>
#include <cstddef>
#include <sys/rseq.h>

// Of each thread's struct rseq, from the thread pointer; 0: forbidden. In unlock_alone_x86_64.S.
extern "C" std::atomic<std::ptrdiff_t> fiber_arch_sequences_at;

namespace fiber::arch {

[[nodiscard]] inline bool can_restart() noexcept { return __rseq_size != 0; }

inline void allow_sequences() noexcept {
    fiber_arch_sequences_at.store(__rseq_offset, std::memory_order_release); // [restart.phase]
}

// relaxed: the caller has a fence for all threads follow
inline void forbid_sequences() noexcept { fiber_arch_sequences_at.store(0, std::memory_order_relaxed); }

} // namespace fiber::arch
