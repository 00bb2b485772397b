// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// mutex.hpp: std::mutex, and the recursive and timed ones, for fibers and OS threads.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline_or_stop.hpp>
#include <fiber/detail/lock_kind.hpp>
#include <fiber/detail/recursive_lock.hpp>
#include <fiber/detail/timed_lock.hpp>
#include <fiber/detail/watched_lock.hpp>

#include <chrono>
#include <mutex> // unique_lock, scoped_lock, lock work with these classes
#include <stop_token>

namespace fiber {

// The same entities as in std.
using std::adopt_lock;
using std::adopt_lock_t;
using std::defer_lock;
using std::defer_lock_t;
using std::lock;
using std::lock_guard;
using std::scoped_lock;
using std::try_lock;
using std::try_to_lock;
using std::try_to_lock_t;
using std::unique_lock;

// mutex is std::mutex for fibers of any runtime and for OS threads. It is not recursive, and
// constant-initialised. A fiber that waits gives up its processor; an OS thread that waits sleeps.
// The fiber or thread that locked the mutex must unlock it; a fiber may do so on another OS thread.
// Only FIBER_DEBUG=locks checks the owner. Fairness: a released mutex goes to the first fiber or
// thread that takes it, except that a waiter of 1 ms or more gets it directly. unlock() of a mutex
// that is not locked aborts, and so does destroying one that is locked or waited for.
class mutex {
public:
    constexpr mutex() noexcept = default;
    ~mutex() { lock_.check_destroyable(kind); }
    mutex(mutex const&) = delete;
    mutex& operator=(mutex const&) = delete;

    // Blocks until the caller owns the mutex.
    void lock() noexcept { lock_.lock(kind); }
    // Blocks until the caller owns the mutex or a stop is requested. Returns true if the caller
    // owns the mutex. A free mutex is locked even if a stop was requested before.
    [[nodiscard]] bool lock(std::stop_token const& stop) noexcept {
        return detail::unless_stopped(
            stop, [this] { return lock_.try_lock(kind); },
            [this](detail::deadline_or_stop until) { return lock_.lock_before(kind, until); });
    }
    // Locks the mutex if it is free. Returns false only if it was locked. Never blocks.
    [[nodiscard]] bool try_lock() noexcept { return lock_.try_lock(kind); }
    // Unlocks the mutex, which the caller must own. Never blocks. The next owner may destroy the
    // mutex at once.
    void unlock() noexcept { lock_.unlock(kind); }

private:
    static constexpr auto kind = detail::lock_kind::mutex;
    detail::watched_lock lock_;
};

static_assert(sizeof(mutex) <= 16);

// timed_mutex is std::timed_mutex: a mutex with locks that end at a deadline.
class timed_mutex {
public:
    constexpr timed_mutex() noexcept = default;
    ~timed_mutex() { lock_.check_destroyable(kind); }
    timed_mutex(timed_mutex const&) = delete;
    timed_mutex& operator=(timed_mutex const&) = delete;

    void lock() noexcept { lock_.lock(kind); }
    [[nodiscard]] bool try_lock() noexcept { return lock_.try_lock(kind); }
    void unlock() noexcept { lock_.unlock(kind); }

    // Block until the caller owns the mutex, at most until the deadline. Return false if the
    // deadline came first.
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> const& duration) {
        return detail::lock_for(timed{lock_}, duration);
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> const& when) {
        return detail::lock_until(timed{lock_}, when);
    }

private:
    static constexpr auto kind = detail::lock_kind::timed_mutex;
    using timed = detail::named_lock<detail::watched_lock, kind>;
    detail::watched_lock lock_;
};

// recursive_mutex is std::recursive_mutex. Its owner, a fiber or OS thread, may lock it again, and
// must unlock it the same number of times. Constant-initialised. unlock() by another fiber or
// thread than the owner aborts.
class recursive_mutex {
public:
    constexpr recursive_mutex() noexcept = default;
    recursive_mutex(recursive_mutex const&) = delete;
    recursive_mutex& operator=(recursive_mutex const&) = delete;

    // Blocks until the caller owns the mutex. Throws
    // std::system_error(resource_unavailable_try_again) if the caller has locked it 2^32 - 1 times
    // already.
    void lock() { lock_.lock(); }
    // Returns false if another fiber or thread owns the mutex, or if the caller has locked it 2^32
    // - 1 times.
    [[nodiscard]] bool try_lock() noexcept { return lock_.try_lock(); }
    void unlock() noexcept { lock_.unlock(); }

private:
    detail::recursive_lock lock_{detail::lock_kind::recursive_mutex};
};

// recursive_timed_mutex is std::recursive_timed_mutex: a recursive_mutex with the timed locks of
// timed_mutex.
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
    detail::recursive_lock lock_{detail::lock_kind::recursive_timed_mutex};
};

} // namespace fiber
