// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exclusive_lock.hpp: what all of mutex.hpp's classes are made of. Each says which of them it is: the lock does not know.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/lock_kind.hpp>
#include <fiber/detail/unlock_alone.hpp>
#include <fiber/detail/wait_limit.hpp>
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
        if (state_.load(std::memory_order_relaxed) != free || !take_free())
            return false;
        if (watching_locks) [[unlikely]]
            note_locked(kind);
        else
            consider_unlock_alone();
        return true;
    }

    // As lock. False: another had it until the limit.
    bool lock_before(lock_kind kind, wait_limit until) noexcept {
        if (watching_locks) [[unlikely]]
            return lock_watched(kind, until);
        if (!take_free()) [[unlikely]]
            return lock_slow(until);
        consider_unlock_alone();
        return true;
    }

    void unlock(lock_kind kind) noexcept {
        // relaxed: the owner's
        if (may_unlock_alone && calm_.load(std::memory_order_relaxed) < 0) [[likely]] {
            if (unlock_alone(this)) [[likely]]
                return; // *this may be gone
            calm_.store(not_alone, std::memory_order_relaxed);
            if (company_.load(std::memory_order_relaxed) != nobody) // relaxed: looked at again
                consider_parting();
        }
        if (watching_locks) [[unlikely]]
            return unlock_watched(kind);
        auto const seen = may_unlock_alone
                              ? subtract_and_count(this)
                              : state_.fetch_sub(1, std::memory_order_release); // [mutex.hand_on]
        if (seen != locked) [[unlikely]]                                        // else *this may be gone
            unlock_slow(kind, seen);
    }

    // For the destructor of what it is part of.
    void end(lock_kind kind) const noexcept {
        // relaxed: whoever destroys it has ordered that after all other uses
        if (state_.load(std::memory_order_relaxed) != free || !waiters_.empty() || watching_locks)
            [[unlikely]]
            check_destruction(kind);
    }

private:
    using word = std::uint8_t;
    static constexpr word free = 0, locked = 1, contended = 2; // see mutex.cpp
    static constexpr std::uint8_t nobody = 0, somebody = 1;    // [mutex.alone]
    static constexpr std::int8_t alone = -128, not_alone = 0;  // likewise

    [[nodiscard]] bool take_free() noexcept {
        auto expected = free;
        return state_.compare_exchange_strong(expected, locked, std::memory_order_acquire, // [mutex.hand_on]
                                              std::memory_order_relaxed); // relaxed: nothing was gained
    }

    // As the owner, by take_free. Not under FIBER_DEBUG=locks, so unlock need not ask for that.
    void consider_unlock_alone() noexcept {
        // relaxed: a hint, unlock_alone looks again
        if (may_unlock_alone && company_.load(std::memory_order_relaxed) == nobody) [[likely]]
            calm_.store(alone, std::memory_order_relaxed); // relaxed: the owner's
    }

    bool lock_slow(wait_limit until) noexcept;
    bool lock_by_waiting(wait_limit until) noexcept;
    bool lock_watched(lock_kind, wait_limit until) noexcept;
    void note_locked(lock_kind) const noexcept;
    void unlock_watched(lock_kind) noexcept;
    void unlock_slow(lock_kind, word seen) noexcept;
    bool spin(word taken) noexcept;
    void consider_parting() noexcept;
    void check_destruction(lock_kind) const noexcept;

    // The three bytes that unlock_alone knows; subtract_and_count, the first two.
    alignas(2) std::atomic<word> state_{free};
    std::atomic<std::int8_t> calm_{not_alone};
    std::atomic<std::uint8_t> company_{nobody};
    std::atomic<std::uint32_t> queue_lock_{0}; // guards waiters_
    wait_list waiters_;
};

// A lock that is told each time what it is known by.
template <class Lock, lock_kind kind>
struct known_as {
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
