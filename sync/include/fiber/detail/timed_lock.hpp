// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// timed_lock.hpp: the timed members of every lock, such as try_lock_for.
#pragma once

#include <fiber/detail/deadline.hpp>
#include <fiber/detail/lock_kind.hpp>

#include <chrono>

namespace fiber::detail {

// Adapts a lock that takes its kind with each call to lock_for() and lock_until().
template <class Lock, lock_kind kind>
struct named_lock {
    Lock& lock;
    [[nodiscard]] bool try_lock() noexcept { return lock.try_lock(kind); }
    [[nodiscard]] bool lock_before(deadline until) noexcept { return lock.lock_before(kind, until); }
};

// lock_for and lock_until are the timed members of every lock, on top of bool try_lock() and bool
// lock_before(deadline). Without time to wait they only try: they do not queue and make no system
// call.
template <class Lock, class Rep, class Period>
[[nodiscard]] bool lock_for(Lock&& lock, std::chrono::duration<Rep, Period> const& duration) {
    return lock.try_lock() ||
           (detail::has_length(duration) && lock.lock_before(detail::deadline_after(duration)));
}
template <class Lock, class Clock, class Duration>
[[nodiscard]] bool lock_until(Lock&& lock, std::chrono::time_point<Clock, Duration> const& when) {
    if (lock.try_lock())
        return true;
    while (!detail::has_passed(when)) // checked after each wait: Clock may have been set back
        if (lock.lock_before(detail::deadline_at(when)))
            return true;
    return false;
}

} // namespace fiber::detail
