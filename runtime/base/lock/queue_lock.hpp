// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// queue_lock.hpp: locks for the queues of objects that may be destroyed while the lock is still
// needed.
//
// [queue.outlive] A wait with a deadline ends in two steps: its timer claims it, and then the agent
// takes itself out of the queue. A notification may come between the two. It finds the wait claimed
// and takes the waiter out. The object may be destroyed when the notification returns, since nobody
// is blocked on it any more. The agent must therefore learn that it is out of the queue without
// touching the object. A lock inside of the object could not tell it.
//
//     agent after its deadline                    agent that ends all waits
//   1 lock queue_lock_of(object)                1 lock queue_lock_of(object)
//   2 if queued, the object still exists:       2 take all waiters out, and do what else must be
//     take itself out of its queue                done to the object
//   3 unlock                                    3 unlock; unpark; the object may be destroyed
//
// Whichever agent is first, the other finds the queue without that waiter. The lock is never
// destroyed.
#pragma once

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/lock/spinlock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace fiber::rt {

using queue_lock = spinlock<lock_rank::wait_queue>;

struct alignas(cache_line) padded_queue_lock {
    queue_lock lock;
};

// 4 KiB. With more locks, two busy objects share a lock less often; each is held for some tens of
// instructions. Benchmark: perf/micro/sync.cpp.
inline constinit std::array<padded_queue_lock, 64> queue_locks{};

// Called around fork(), so that no agent of the parent holds a lock in the child. Locks in the
// order of addresses, as the rank demands.
inline void lock_all_queue_locks() noexcept {
    for (auto& each : queue_locks)
        each.lock.lock();
}
inline void unlock_all_queue_locks() noexcept {
    for (auto& each : queue_locks)
        each.lock.unlock();
}

// Returns the lock of the object; always the same lock for the same address. No caller holds two at
// a time.
[[nodiscard]] inline queue_lock& queue_lock_of(void const* object) noexcept {
    constexpr std::uint64_t golden_ratio = 0x9e37'79b9'7f4a'7c15; // neighbours get distant locks
    auto const hash = reinterpret_cast<std::uintptr_t>(object) * golden_ratio;
    return queue_locks[hash >> 58].lock; // the upper 6 bits
}

} // namespace fiber::rt
