// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exclusive_lock.hpp: the lock inside all classes of mutex.hpp. It does not store its own kind:
// each call passes the kind, for messages.
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
            sample_bias();
        return true;
    }

    // Locks like lock(). Returns false if the mutex stayed locked until the deadline or the stop.
    bool lock_before(lock_kind kind, deadline_or_stop until) noexcept {
        if (watching_locks) [[unlikely]]
            return lock_watched(kind, until);
        if (!try_acquire()) [[unlikely]]
            return lock_slow(until);
        sample_bias();
        return true;
    }

    void unlock(lock_kind kind) noexcept {
        // relaxed: only the owner uses it
        if (may_unlock_biased && uncontended_unlocks_.load(std::memory_order_relaxed) < 0) [[likely]] {
            if (unlock_biased(this)) [[likely]]
                return; // *this may be destroyed here
            uncontended_unlocks_.store(none_counted, std::memory_order_relaxed);
            if (bias_.load(std::memory_order_relaxed) != biased) // relaxed: try_rebias() checks again
                try_rebias();
        }
        if (watching_locks) [[unlikely]]
            return unlock_watched(kind);
        auto const seen = may_unlock_biased
                              ? subtract_and_count(this)
                              : state_.fetch_sub(1, std::memory_order_release); // [mutex.hand_on]
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

    // Returns true if the mutex is biased: [mutex.bias]. For tests.
    [[nodiscard]] bool is_biased() const noexcept {
        return bias_.load(std::memory_order_relaxed) == biased; // relaxed: a snapshot
    }

private:
    using word = std::uint8_t;
    static constexpr word free = 0, locked = 1, contended = 2;        // see mutex.cpp
    static constexpr std::uint8_t biased = 0, unbiased = 1;           // [mutex.bias]
    static constexpr std::int8_t try_biased = -128, none_counted = 0; // [mutex.bias]

    [[nodiscard]] bool try_acquire() noexcept {
        auto expected = free;
        return state_.compare_exchange_strong(expected, locked, std::memory_order_acquire, // [mutex.hand_on]
                                              std::memory_order_relaxed); // relaxed: nothing acquired
    }

    // Makes the next unlock() try the biased path if the mutex is biased. Called by the new owner
    // after try_acquire(). Never called under FIBER_DEBUG=locks, so the biased path of unlock()
    // need not test watching_locks.
    void sample_bias() noexcept {
        // relaxed: a hint, unlock_biased() checks again
        if (may_unlock_biased && bias_.load(std::memory_order_relaxed) == biased) [[likely]]
            uncontended_unlocks_.store(try_biased, std::memory_order_relaxed); // relaxed: as in unlock()
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

    // unlock_biased() depends on the order of the first three bytes, subtract_and_count() on that
    // of the first two.
    alignas(2) std::atomic<word> state_{free};
    std::atomic<std::int8_t> uncontended_unlocks_{none_counted};
    std::atomic<std::uint8_t> bias_{biased};
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
