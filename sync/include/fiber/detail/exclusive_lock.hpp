// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exclusive_lock.hpp: what all of mutex.hpp's classes are made of. Each says which of them it is: the lock does not know.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/deadline_or_stop.hpp>
#include <fiber/detail/lock_kind.hpp>
#include <fiber/detail/unlock_biased.hpp>
#include <fiber/detail/wait_list.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace fiber::detail {

class FIBER_API exclusive_lock {
public:
    constexpr exclusive_lock() noexcept = default;
    exclusive_lock(exclusive_lock const&) = delete;
    exclusive_lock& operator=(exclusive_lock const&) = delete;

    void lock(lock_kind kind) noexcept { static_cast<void>(lock_before(kind, never)); }

    [[nodiscard]] bool try_lock(lock_kind kind) noexcept {
        // relaxed: spares the line when it is locked
        if (state_.load(std::memory_order_relaxed) != free || !try_acquire())
            return false;
        if (watching_locks) [[unlikely]]
            note_locked(kind);
        else
            sample_bias();
        return true;
    }

    // As lock. False: another had it until the limit.
    bool lock_before(lock_kind kind, deadline_or_stop until) noexcept {
        if (watching_locks) [[unlikely]]
            return lock_watched(kind, until);
        if (!try_acquire()) [[unlikely]]
            return lock_slow(until);
        sample_bias();
        return true;
    }

    void unlock(lock_kind kind) noexcept {
        // relaxed: the owner's
        if (may_unlock_biased && uncontended_unlocks_.load(std::memory_order_relaxed) < 0) [[likely]] {
            if (unlock_biased(this)) [[likely]]
                return; // *this may be gone
            uncontended_unlocks_.store(none_counted, std::memory_order_relaxed);
            if (bias_.load(std::memory_order_relaxed) != biased) // relaxed: looked at again
                try_rebias();
        }
        if (watching_locks) [[unlikely]]
            return unlock_watched(kind);
        auto const seen = may_unlock_biased
                              ? subtract_and_count(this)
                              : state_.fetch_sub(1, std::memory_order_release); // [mutex.hand_on]
        if (seen != locked) [[unlikely]]                                        // else *this may be gone
            unlock_slow(kind, seen);
    }

    // For the destructor of what it is part of.
    void check_destroyable(lock_kind kind) const noexcept {
        // relaxed: whoever destroys it has ordered that after all other uses
        if (state_.load(std::memory_order_relaxed) != free || !waiters_.empty() || watching_locks)
            [[unlikely]]
            check_destroyable_slow(kind);
    }

private:
    using word = std::uint8_t;
    static constexpr word free = 0, locked = 1, contended = 2;        // see mutex.cpp
    static constexpr std::uint8_t biased = 0, unbiased = 1;           // [mutex.bias]
    static constexpr std::int8_t try_biased = -128, none_counted = 0; // likewise

    [[nodiscard]] bool try_acquire() noexcept {
        auto expected = free;
        return state_.compare_exchange_strong(expected, locked, std::memory_order_acquire, // [mutex.hand_on]
                                              std::memory_order_relaxed); // relaxed: nothing was gained
    }

    // As the owner, by try_acquire. Not under FIBER_DEBUG=locks, so unlock need not ask for that.
    void sample_bias() noexcept {
        // relaxed: a hint, unlock_biased looks again
        if (may_unlock_biased && bias_.load(std::memory_order_relaxed) == biased) [[likely]]
            uncontended_unlocks_.store(try_biased, std::memory_order_relaxed); // relaxed: the owner's
    }

    bool lock_slow(deadline_or_stop until) noexcept;
    bool lock_by_waiting(deadline_or_stop until) noexcept;
    bool lock_watched(lock_kind, deadline_or_stop until) noexcept;
    void note_locked(lock_kind) const noexcept;
    void unlock_watched(lock_kind) noexcept;
    void unlock_slow(lock_kind, word seen) noexcept;
    bool spin(word taken) noexcept;
    void try_rebias() noexcept;
    void check_destroyable_slow(lock_kind) const noexcept;

    // The three bytes that unlock_biased knows; subtract_and_count, the first two.
    alignas(2) std::atomic<word> state_{free};
    std::atomic<std::int8_t> uncontended_unlocks_{none_counted};
    std::atomic<std::uint8_t> bias_{biased};
    std::atomic<std::uint32_t> queue_lock_{0}; // guards waiters_
    wait_list waiters_;
};

// A lock that is told each time what it is known by.
template <class Lock, lock_kind kind>
struct named_lock {
    Lock& lock;
    [[nodiscard]] bool try_lock() noexcept { return lock.try_lock(kind); }
    [[nodiscard]] bool lock_before(deadline until) noexcept { return lock.lock_before(kind, until); }
};

// The timed half of any lock: it has bool try_lock(), bool lock_before(deadline). Where there is no time to wait, it is but a
// try: no queue, and nothing of the kernel.
template <class Lock, class Rep, class Period>
[[nodiscard]] bool lock_for(Lock&& lock, std::chrono::duration<Rep, Period> const& duration) {
    return lock.try_lock() ||
           (detail::has_length(duration) && lock.lock_before(detail::deadline_after(duration)));
}
template <class Lock, class Clock, class Duration>
[[nodiscard]] bool lock_until(Lock&& lock, std::chrono::time_point<Clock, Duration> const& when) {
    if (lock.try_lock())
        return true;
    while (!detail::has_passed(when)) // again after a wait: the clock may have been set back meanwhile
        if (lock.lock_before(detail::deadline_at(when)))
            return true;
    return false;
}

} // namespace fiber::detail
