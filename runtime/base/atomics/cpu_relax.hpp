// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cpu_relax.hpp: what differs between CPU architectures: the pause of a spinning loop, the prefetch
// for writing and the full fence.
#pragma once

#include <atomic>

namespace fiber::rt {

inline constexpr std::size_t cache_line = 64;

inline void cpu_relax() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory"); // yield is a no-op on most cores
#endif
}

// Prefetches the cache line of p for writing. A core that has modified the line then gives it up at
// once, instead of sharing it for reading first. Compilers emit this instruction only if told that
// the CPU has it. All 64-bit CPUs have it, or execute it as a no-op.
inline void prefetch_for_write(void const* p) noexcept {
#if defined(__x86_64__)
    asm volatile("prefetchw %0" ::"m"(*static_cast<char const*>(p)));
#else
    __builtin_prefetch(p, 1);
#endif
}

// Orders everything before against everything after, stores before loads included. Each use names
// the pair that it belongs to. On x86-64, a locked no-op on the stack is faster than the mfence
// that some compilers choose. ThreadSanitizer builds compile it too. ThreadSanitizer does not know
// fences, and does not need these: each pair of fences goes with atomics that carry the data.
inline void full_fence() noexcept {
#if defined(__x86_64__)
    asm volatile("lock; orl $0, (%%rsp)" ::: "memory", "cc");
#elif defined(__aarch64__)
    asm volatile("dmb ish" ::: "memory");
#else
    std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

} // namespace fiber::rt
