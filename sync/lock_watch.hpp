// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lock_watch.hpp: tracks which agent holds which lock, for FIBER_DEBUG=locks, and reports mistakes
// on stderr:
//
//   mistake                                               reported
//   an agent waits for a long time while it holds a lock  while it waits, once for each wait
//   two locks are locked in both orders                   at the second lock, once for each pair
//   an agent locks a lock that it already holds           at the second lock, once
//   a fiber ends while it holds a lock                    at its end
//   an agent unlocks a lock that another agent holds      at the unlock; then the process aborts
//
// FIBER_DEBUG=locks reports waits of 10 ms or more, FIBER_DEBUG=locks=250 waits of 250 ms or more.
#pragma once

#include <fiber/detail/lock_kind.hpp>

namespace fiber::rt::lock_watch {

struct watched {
    void const* at;
    detail::lock_kind kind;
};

// Adds the lock to the graph after each lock that the caller holds. Call it before a lock without a
// deadline: a lock with a deadline ends by itself and makes no deadlock.
void about_to_lock(watched) noexcept;
// Records that the caller holds the lock.
void locked(watched) noexcept;
// Removes the record. Aborts if another agent holds the lock.
void about_to_unlock(watched) noexcept;
// Removes a destroyed lock: another lock may later have the same address.
void forget(void const* lock) noexcept;

} // namespace fiber::rt::lock_watch
