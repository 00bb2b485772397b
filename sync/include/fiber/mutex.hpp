// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// mutex.hpp: std::mutex, and the recursive and timed ones, for fibers and OS threads.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/wait_list.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex> // unique_lock, scoped_lock, lock: they all work with it

namespace fiber {
namespace detail {
class recursive_lock;

// FIBER_DEBUG=locks. Set before main.
FIBER_API extern bool watching_locks;

// The timed half of a lock, for what locks before a deadline: bool try_lock(), bool lock_before(deadline).
template <class Lock, class Rep, class Period>
[[nodiscard]] bool lock_for(Lock& lock, std::chrono::duration<Rep, Period> const& duration) {
    return lock.try_lock() || lock.lock_before(deadline_after(duration));
}
template <class Lock, class Clock, class Duration>
[[nodiscard]] bool lock_until(Lock& lock, std::chrono::time_point<Clock, Duration> const& when) {
    if (lock.try_lock())
        return true;
    do
        if (lock.lock_before(deadline_at(when)))
            return true;
    while (Clock::now() < when); // its clock has been set back meanwhile
    return false;
}
} // namespace detail

// mutex is std::mutex: not recursive, constant-initialised, to be locked from fibers of any runtime and from
// OS threads alike. A fiber that must wait gives up its processor, an OS thread sleeps. The party that has
// locked it unlocks it; on which OS thread a fiber does so does not matter. Fair to a millisecond: a lock
// that is released goes to whoever comes first, but one that has waited for longer gets it handed over.
// unlock() of a mutex that is not locked, and destroying one that is locked or waited for, abort.
class FIBER_API mutex {
public:
    constexpr mutex() noexcept = default;
    ~mutex() {
        // relaxed: whoever destroys it has ordered that after all other uses
        if (state_.load(std::memory_order_relaxed) != free || !waiters_.empty() || detail::watching_locks)
            [[unlikely]]
            check_destruction();
    }
    mutex(mutex const&) = delete;
    mutex& operator=(mutex const&) = delete;

    // Blocks until the mutex is the caller's.
    void lock() noexcept { static_cast<void>(lock_before(detail::never)); }

    // Never blocks. False only if the mutex was locked.
    [[nodiscard]] bool try_lock() noexcept {
        // relaxed: spares the line when it is locked
        if (state_.load(std::memory_order_relaxed) != free || !take_free())
            return false;
        if (detail::watching_locks) [[unlikely]]
            note_locked();
        return true;
    }

    // By the party that has locked it. Never blocks. Another party that then gets the lock may destroy the
    // mutex.
    void unlock() noexcept {
        if (detail::watching_locks) [[unlikely]]
            note_unlocked();
        auto const seen = state_.fetch_sub(1, std::memory_order_release); // [mutex.hand_on]
        if (seen != locked) [[unlikely]]                                  // else *this may be gone
            unlock_slow(seen);
    }

private:
    friend class detail::recursive_lock;
    template <class Lock, class Rep, class Period>
    friend bool detail::lock_for(Lock&, std::chrono::duration<Rep, Period> const&);
    template <class Lock, class Clock, class Duration>
    friend bool detail::lock_until(Lock&, std::chrono::time_point<Clock, Duration> const&);

    using word = std::uint32_t;
    static constexpr word free = 0, locked = 1, contended = 2; // see mutex.cpp

    [[nodiscard]] bool take_free() noexcept {
        auto expected = free;
        return state_.compare_exchange_strong(expected, locked, std::memory_order_acquire, // [mutex.hand_on]
                                              std::memory_order_relaxed); // relaxed: nothing was gained
    }

    // As lock. False: another had it until the deadline.
    bool lock_before(detail::deadline until) noexcept {
        if (detail::watching_locks) [[unlikely]]
            return lock_watched(until);
        return take_free() || lock_slow(until);
    }
    bool lock_slow(detail::deadline until) noexcept;
    bool lock_watched(detail::deadline until) noexcept;
    void note_locked() const noexcept;
    void note_unlocked() const noexcept;
    void unlock_slow(word seen) noexcept;
    bool spin(word taken) noexcept;
    void check_destruction() const noexcept;

    std::atomic<word> state_{free};
    std::atomic<std::uint32_t> queue_lock_{0}; // guards waiters_
    detail::wait_list waiters_;
};

static_assert(sizeof(mutex) <= 16);

// timed_mutex is std::timed_mutex: a mutex that one may try to lock for some time.
class timed_mutex {
public:
    constexpr timed_mutex() noexcept = default;
    timed_mutex(timed_mutex const&) = delete;
    timed_mutex& operator=(timed_mutex const&) = delete;

    void lock() noexcept { mutex_.lock(); }
    [[nodiscard]] bool try_lock() noexcept { return mutex_.try_lock(); }
    void unlock() noexcept { mutex_.unlock(); }

    // Block until the mutex is the caller's, but not beyond the given time. False: another had it until then.
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> const& duration) {
        return detail::lock_for(mutex_, duration);
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> const& when) {
        return detail::lock_until(mutex_, when);
    }

private:
    mutex mutex_;
};

namespace detail {

// A mutex that knows who has locked it, and how often.
class FIBER_API recursive_lock {
public:
    constexpr recursive_lock() noexcept = default;

    void lock();
    [[nodiscard]] bool try_lock() noexcept;
    [[nodiscard]] bool lock_before(deadline until) noexcept;
    void unlock() noexcept;

private:
    [[nodiscard]] bool is_mine(void const* me) const noexcept;
    void take(void const* me) noexcept;

    mutex mutex_;
    std::atomic<void const*> owner_{nullptr}; // the party; null: none
    std::uint32_t times_ = 0;                 // the owner's
};

} // namespace detail

// recursive_mutex is std::recursive_mutex: the party that has locked it may lock it again, and unlocks it as often.
// Constant-initialised. Unlocking one that another party has locked aborts.
class recursive_mutex {
public:
    constexpr recursive_mutex() noexcept = default;
    recursive_mutex(recursive_mutex const&) = delete;
    recursive_mutex& operator=(recursive_mutex const&) = delete;

    // Throws std::system_error(resource_unavailable_try_again) if it has been locked 2^32 - 1 times already.
    void lock() { lock_.lock(); }
    // False also if it has been locked so often.
    [[nodiscard]] bool try_lock() noexcept { return lock_.try_lock(); }
    void unlock() noexcept { lock_.unlock(); }

private:
    detail::recursive_lock lock_;
};

// recursive_timed_mutex is std::recursive_timed_mutex: both.
class recursive_timed_mutex {
public:
    constexpr recursive_timed_mutex() noexcept = default;
    recursive_timed_mutex(recursive_timed_mutex const&) = delete;
    recursive_timed_mutex& operator=(recursive_timed_mutex const&) = delete;

    void lock() { lock_.lock(); }
    [[nodiscard]] bool try_lock() noexcept { return lock_.try_lock(); }
    void unlock() noexcept { lock_.unlock(); }

    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> const& duration) {
        return detail::lock_for(lock_, duration);
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> const& when) {
        return detail::lock_until(lock_, when);
    }

private:
    detail::recursive_lock lock_;
};

} // namespace fiber
