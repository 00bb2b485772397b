// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// mutex.hpp: std::mutex, and the recursive and timed ones, for fibers and OS threads.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/deadline_or_stop.hpp>
#include <fiber/detail/exclusive_lock.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex> // unique_lock, scoped_lock, lock: they all work with it
#include <stop_token>

namespace fiber {

// std's own: they may be named either way.
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

// mutex is std::mutex: not recursive, constant-initialised, to be locked from fibers of any runtime and from
// OS threads alike. A fiber that must wait gives up its processor, an OS thread sleeps. The party that has
// locked it unlocks it; on which OS thread a fiber does so does not matter. Fair to a millisecond: a lock
// that is released goes to whoever comes first, but one that has waited for longer gets it handed over.
// unlock() of a mutex that is not locked, and destroying one that is locked or waited for, abort. That it is unlocked by
// the party that has locked it is checked under FIBER_DEBUG=locks: the mutex has no room for who that is.
class mutex {
public:
    constexpr mutex() noexcept = default;
    ~mutex() { lock_.check_destroyable(kind); }
    mutex(mutex const&) = delete;
    mutex& operator=(mutex const&) = delete;

    // Blocks until the mutex is the caller's.
    void lock() noexcept { lock_.lock(kind); }
    // The same, but a stop request ends it. False: it was stopped, and the mutex is not the caller's. A mutex that
    // is free is locked also after a stop; then the result is true.
    [[nodiscard]] bool lock(std::stop_token const& stop) noexcept {
        return detail::unless_stopped(
            stop, [this] { return lock_.try_lock(kind); },
            [this](detail::deadline_or_stop until) { return lock_.lock_before(kind, until); });
    }
    // Never blocks. False only if the mutex was locked.
    [[nodiscard]] bool try_lock() noexcept { return lock_.try_lock(kind); }
    // By the party that has locked it. Never blocks. Another party that then gets the lock may destroy the
    // mutex.
    void unlock() noexcept { lock_.unlock(kind); }

private:
    static constexpr auto kind = detail::lock_kind::mutex;
    detail::exclusive_lock lock_;
};

static_assert(sizeof(mutex) <= 16);

// timed_mutex is std::timed_mutex: a mutex that one may try to lock for some time.
class timed_mutex {
public:
    constexpr timed_mutex() noexcept = default;
    ~timed_mutex() { lock_.check_destroyable(kind); }
    timed_mutex(timed_mutex const&) = delete;
    timed_mutex& operator=(timed_mutex const&) = delete;

    void lock() noexcept { lock_.lock(kind); }
    [[nodiscard]] bool try_lock() noexcept { return lock_.try_lock(kind); }
    void unlock() noexcept { lock_.unlock(kind); }

    // Block until the mutex is the caller's, but not beyond the given time. False: another had it until then.
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
    using timed = detail::named_lock<detail::exclusive_lock, kind>;
    detail::exclusive_lock lock_;
};

namespace detail {

// A lock that knows who has locked it, how often, and what it is known by.
class FIBER_API recursive_lock {
public:
    constexpr explicit recursive_lock(lock_kind kind) noexcept : kind_(kind) {}
    ~recursive_lock() { lock_.check_destroyable(kind_); }
    recursive_lock(recursive_lock const&) = delete;
    recursive_lock& operator=(recursive_lock const&) = delete;

    void lock();
    [[nodiscard]] bool try_lock() noexcept;
    [[nodiscard]] bool lock_before(deadline until) noexcept;
    void unlock() noexcept;

private:
    [[nodiscard]] bool is_mine(void const* me) const noexcept {
        return owner_.load(std::memory_order_relaxed) == me; // relaxed: see recursive_mutex.cpp
    }
    void set_owner(void const* me) noexcept {
        owner_.store(me, std::memory_order_relaxed);
        times_ = 1;
    }
    [[noreturn]] void throw_locked_too_often() const;

    exclusive_lock lock_;
    std::atomic<void const*> owner_{nullptr}; // the party; null: none
    std::uint32_t times_ = 0;                 // the owner's
    lock_kind const kind_;
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
    detail::recursive_lock lock_{detail::lock_kind::recursive_mutex};
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
    detail::recursive_lock lock_{detail::lock_kind::recursive_timed_mutex};
};

} // namespace fiber
