// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lock_watch.hpp: who holds which lock, for FIBER_DEBUG=locks; and what that tells of the program, each a line on stderr:
//   a party that waits for long while it holds one             while it waits, once for each such wait
//   two that are locked in one order here, in the other there  at the second lock, once for each pair
//   one that is locked again by the party that has it          likewise, once
//   a fiber that has ended and not unlocked one                at its end
//   one that is unlocked by a party that has not locked it     then it aborts
// FIBER_DEBUG=locks means waits of 10 ms and more, FIBER_DEBUG=locks=250 those of 250 ms and more.
#pragma once

#include <fiber/detail/lock_kind.hpp>

namespace fiber::rt::lock_watch {

struct watched {
    void const* at;
    detail::lock_kind kind;
};

// Before it may wait for good: an attempt that ends by itself makes no deadlock, in whatever order.
void about_to_lock(watched) noexcept;
void locked(watched) noexcept;
void about_to_unlock(watched) noexcept;
// It is destroyed: another one may come to stand in its place.
void forget(void const* lock) noexcept;

} // namespace fiber::rt::lock_watch
