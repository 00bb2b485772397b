// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// queue_lock.hpp: locks for the queues of objects that may be destroyed while the lock is still needed.
//
// [queue.outlive] A wait that has a deadline ends in two steps: its timer claims it, and then the agent takes
// itself out of the queue. A notification may come between the two. It finds the wait claimed, takes the
// waiter out, and the object may be destroyed as soon as it returns, since nobody is blocked on it any more.
// The agent must therefore learn that it is out of the queue without touching the object. A lock inside the
// object could not tell it.
//
//     agent whose time is up                      agent that ends all waits
//   1 lock queue_lock_of(object)                1 lock queue_lock_of(object)
//   2 queued? then the object is still there:   2 take all waiters out, and what else there is to
//     take itself out of its queue                do to the object
//   3 unlock                                    3 unlock; unpark; the object may be gone
//
//   Whichever is first, the other finds the queue without that waiter, and the lock itself is never
//   destroyed.
#pragma once

#include "runtime/base/cpu_relax.hpp"
#include "runtime/base/spinlock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace fiber::rt {

using queue_lock = spinlock<lock_rank::wait_queue>;

struct alignas(cache_line) padded_queue_lock {
    queue_lock lock;
};

// 4 KiB. With more, two busy objects share a lock less often; each is held for some 20 ns.
inline constinit std::array<padded_queue_lock, 64> queue_locks{};

// For fork: no agent that stays behind is to hold one. In the order of their addresses, as their rank demands.
inline void lock_all_queue_locks() noexcept {
    for (auto& each : queue_locks)
        each.lock.lock();
}
inline void unlock_all_queue_locks() noexcept {
    for (auto& each : queue_locks)
        each.lock.unlock();
}

// Always the same lock for the same address. No caller holds two at a time.
[[nodiscard]] inline queue_lock& queue_lock_of(void const* object) noexcept {
    constexpr std::uint64_t golden_ratio = 0x9e37'79b9'7f4a'7c15; // neighbours go to distant locks
    auto const hash = reinterpret_cast<std::uintptr_t>(object) * golden_ratio;
    return queue_locks[hash >> 58].lock; // the upper 6 bits
}

} // namespace fiber::rt
