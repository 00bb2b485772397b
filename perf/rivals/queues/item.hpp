// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What the run queues of perf/micro/run_queue.cpp hold in place of fibers, and who steals them.
//
// A queue is a type with these members; each benchmark is a template over it and written once:
//   push(i)     the owner. False: it is full, and i is still the caller's
//   pop()       the owner. The oldest that it can get at, or null
//   steal(t)    a thief. How many were put into t.loot; 0 if there was nothing, or nothing within reach
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace perf::queues {

inline constexpr std::size_t cache_line = 64;

struct item {
    item* link = nullptr;
    std::int64_t taken = 0; // times; written by whoever has just taken it
};

struct thief {
    static constexpr std::size_t most = 128; // at once; half of a ring
    std::array<item*, most> loot;
    unsigned rounds = 0; // in vain, since it has got something
    std::uint64_t tick_seen = 0;
};

inline void relax() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory");
#endif
}

} // namespace perf::queues
