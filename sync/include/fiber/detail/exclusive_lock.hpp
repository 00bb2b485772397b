// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exclusive_lock.hpp: the lock inside all classes of mutex.hpp. It does not store its own kind:
// each call passes the kind, for messages.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/deadline_or_stop.hpp>
#include <fiber/detail/lock_kind.hpp>
#include <fiber/detail/unlock_bias.hpp>
#include <fiber/detail/wait_list.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace fiber::detail {

struct lock_access; // the tests define it, to look into a mutex

class FIBER_API exclusive_lock {
public:
    constexpr exclusive_lock() noexcept = default;
    exclusive_lock(exclusive_lock const&) = delete;
    exclusive_lock& operator=(exclusive_lock const&) = delete;

    void lock(lock_kind kind) noexcept { static_cast<void>(lock_before(kind, never)); }

    [[nodiscard]] bool try_lock(lock_kind kind) noexcept {
        // relaxed: a load leaves the cache line shared if the mutex is locked
        if (state_.load(std::memory_order_relaxed) != free || !try_acquire())
            return false;
        if (watching_locks) [[unlikely]]
            note_locked(kind);
        else
            bias_.sample();
        return true;
    }

    // Locks like lock(). Returns false if the mutex stayed locked until the deadline or the stop.
    bool lock_before(lock_kind kind, deadline_or_stop until) noexcept {
        if (watching_locks) [[unlikely]]
            return lock_watched(kind, until);
        if (!try_acquire()) [[unlikely]]
            return lock_slow(until);
        bias_.sample();
        return true;
    }

    void unlock(lock_kind kind) noexcept {
        if (bias_.try_unlock(this, [this]() noexcept { end_round(); })) [[likely]]
            return; // *this may be destroyed here
        if (watching_locks) [[unlikely]]
            return unlock_watched(kind);
        auto const seen = bias_.subtract(this);
        if (seen != locked) [[unlikely]] // if it was `locked`, *this may be destroyed here
            unlock_slow(kind, seen);
    }

    // Reports a mutex that is destroyed while it is locked or waited for. Called by the owning
    // class's destructor.
    void check_destroyable(lock_kind kind) const noexcept {
        // relaxed: the destruction is ordered after all other uses
        if (state_.load(std::memory_order_relaxed) != free || !waiters_.empty() || watching_locks)
            [[unlikely]]
            check_destroyable_slow(kind);
    }

    // For tests.
    [[nodiscard]] bool is_biased() const noexcept { return bias_.is_biased(); }

private:
    using word = std::uint8_t;
    static constexpr word free = 0, locked = 1, contended = 2; // see exclusive_lock.cpp

    [[nodiscard]] bool try_acquire() noexcept {
        auto expected = free;
        return state_.compare_exchange_strong(expected, locked, std::memory_order_acquire, // [mutex.hand_on]
                                              std::memory_order_relaxed); // relaxed: nothing acquired
    }

    bool lock_slow(deadline_or_stop until) noexcept;
    bool lock_by_waiting(deadline_or_stop until) noexcept;
    bool lock_watched(lock_kind, deadline_or_stop until) noexcept;
    void note_locked(lock_kind) const noexcept;
    void unlock_watched(lock_kind) noexcept;
    void unlock_slow(lock_kind, word seen) noexcept;
    bool spin(word taken) noexcept;
    void end_round() noexcept;
    void check_destroyable_slow(lock_kind) const noexcept;

    alignas(2) std::atomic<word> state_{free};
    unlock_bias bias_;                         // must follow state_
    std::atomic<std::uint32_t> queue_lock_{0}; // guards waiters_
    wait_list waiters_;
};

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
