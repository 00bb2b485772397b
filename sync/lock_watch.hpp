// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lock_watch.hpp: who holds which fiber::mutex, for FIBER_DEBUG=locks; and what that tells of the program:
//   a party that waits for long while it holds one            one line on stderr, when the wait is over
//   two that are locked in one order here, in the other there one line, at the second lock; once for each pair
//   one that is unlocked by a party that has not locked it    one line, then abort
// FIBER_DEBUG=locks means waits of 10 ms and more, FIBER_DEBUG=locks=250 those of 250 ms and more.
#pragma once

namespace fiber {
class mutex;
}

namespace fiber::rt::lock_watch {

void about_to_lock(mutex const*) noexcept;
void locked(mutex const*) noexcept;
void about_to_unlock(mutex const*) noexcept;
// It is destroyed: another one may come to stand in its place.
void forget(mutex const*) noexcept;

} // namespace fiber::rt::lock_watch
