// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cpu_relax.hpp: what differs between processors (the hardware's): the pause of a spinning loop, fetching ahead
// to write, and the full fence.
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

// The cache line that p is in, for writing: a core that has changed it gives it up at once, and not first to be read.
// Compilers only do so when told that the processor can; all that run 64-bit code can, or take it for a no-op.
inline void prefetch_for_write(void const* p) noexcept {
#if defined(__x86_64__)
    asm volatile("prefetchw %0" ::"m"(*static_cast<char const*>(p)));
#else
    __builtin_prefetch(p, 1);
#endif
}

// Orders all before against all after, store-load included. Each use names the pair that it belongs to. On
// x86-64 a locked no-op on the stack takes half as long as the mfence that some compilers choose. Written so
// that ThreadSanitizer builds compile it too: it does not know fences, and needs none of these for its own
// reasoning, since each pair of fences goes with atomics that carry the data.
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
