// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lock_rank.hpp: the order in which spinlocks are taken, checked in debug builds.
//   rule  a thread takes locks of rising rank only; locks of equal rank (select's channels) by rising address
#pragma once

#include <cstdint>

namespace fiber::rt {

enum class lock_rank : std::uint8_t {
    channel,      // a channel's ring and queues
    wait_queue,   // the waiters of one lock, condition, group …
    timers,       // one processor's heap
    global_queue, // a scheduler's shared queue
    idle,         // its sleeping machines
    lifetime,     // its shutdown and its number of processors
    external,     // its caches for callers that hold no processor
    depot,        // the process's free records and stacks
    watched_waits // FIBER_DEBUG's list of waiting agents
};

#ifdef NDEBUG
inline void note_locked(lock_rank, void const*) noexcept {}
inline void note_unlocked(lock_rank, void const*) noexcept {}
#else
void note_locked(lock_rank, void const* lock) noexcept;
void note_unlocked(lock_rank, void const* lock) noexcept;
#endif

} // namespace fiber::rt
