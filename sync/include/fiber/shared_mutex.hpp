// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// shared_mutex.hpp: std::shared_mutex and std::shared_timed_mutex for fibers and OS threads.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/lock_kind.hpp>
#include <fiber/detail/timed_lock.hpp>
#include <fiber/detail/wait_list.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <shared_mutex> // shared_lock works with these classes

namespace fiber {

using std::shared_lock; // the same entity as in std
namespace detail {

// The lock inside shared_mutex and shared_timed_mutex. Each call passes the kind, for messages.
class FIBER_API readers_writer_lock {
public:
    constexpr readers_writer_lock() noexcept = default;
    readers_writer_lock(readers_writer_lock const&) = delete;
    readers_writer_lock& operator=(readers_writer_lock const&) = delete;

    void lock(lock_kind kind) noexcept { static_cast<void>(lock_before(kind, never)); }
    [[nodiscard]] bool try_lock(lock_kind kind) noexcept {
        if (!try_acquire_exclusive() && !try_lock_slow())
            return false;
        if (watching_locks) [[unlikely]]
            note_locked(kind);
        return true;
    }
    bool lock_before(lock_kind kind, deadline until) noexcept {
        if (watching_locks) [[unlikely]]
            return lock_watched(kind, mode::exclusive, until);
        return try_acquire_exclusive() || lock_slow(mode::exclusive, until);
    }
    void unlock(lock_kind kind) noexcept {
        if (watching_locks) [[unlikely]]
            note_unlocked(kind);
        auto seen = writer;
        if (!state_.compare_exchange_strong(seen, 0, std::memory_order_release, // [shared.hand_on]
                                            std::memory_order_relaxed)) [[unlikely]]
            unlock_slow(kind, seen);
    }

    void lock_shared(lock_kind kind) noexcept { static_cast<void>(lock_shared_before(kind, never)); }
    [[nodiscard]] bool try_lock_shared(lock_kind kind) noexcept {
        if (!try_acquire_shared())
            return false;
        if (watching_locks) [[unlikely]]
            note_locked(kind);
        return true;
    }
    bool lock_shared_before(lock_kind kind, deadline until) noexcept {
        if (watching_locks) [[unlikely]]
            return lock_watched(kind, mode::shared, until);
        return try_acquire_shared() || lock_slow(mode::shared, until);
    }
    void unlock_shared(lock_kind kind) noexcept {
        if (watching_locks) [[unlikely]]
            note_unlocked(kind);
        if (!release_shared()) [[unlikely]] // if it returned true, *this may be destroyed here
            report_not_shared(kind);
    }

    // Reports a lock that is destroyed while it is held or waited for. Called by the owning class's
    // destructor.
    void check_destroyable(lock_kind kind) const noexcept {
        // relaxed: the destruction is ordered after all other uses
        if ((state_.load(std::memory_order_relaxed) & ~arrivals) != 0 || watching_locks) [[unlikely]]
            check_destroyable_slow(kind);
    }

private:
    using word = std::uint64_t; // bits: see shared_mutex.cpp
    static constexpr word reader = 1, readers = 0xffff'ffff, writer = word{1} << 32, waiting = word{1} << 33,
                          biased = word{1} << 34, arrival = word{1} << 35, arrivals = ~(arrival - 1);
    enum class mode : bool { shared, exclusive };
    struct waiter;

    [[nodiscard]] bool try_acquire_exclusive() noexcept {
        auto seen = state_.load(std::memory_order_relaxed); // relaxed: the exchange orders
        return (seen & ~arrivals) == 0 &&
               state_.compare_exchange_strong(seen, writer, std::memory_order_acquire, // [shared.hand_on]
                                              std::memory_order_relaxed);
    }
    [[nodiscard]] static bool admits(word seen, mode) noexcept;
    [[nodiscard]] bool try_acquire_once(word& seen, mode) noexcept;
    [[nodiscard]] bool spin(mode) noexcept;
    [[nodiscard]] bool try_acquire_shared() noexcept;
    [[nodiscard]] bool release_shared() noexcept;
    [[noreturn]] void report_not_shared(lock_kind) const noexcept;
    [[nodiscard]] bool try_lock_slow() noexcept;
    [[nodiscard]] bool lock_slow(mode, deadline until) noexcept;
    [[nodiscard]] bool lock_by_waiting(mode, deadline until) noexcept;
    [[nodiscard]] bool lock_watched(lock_kind, mode, deadline until) noexcept;
    void note_locked(lock_kind) const noexcept;
    void note_unlocked(lock_kind) const noexcept;
    void unlock_slow(lock_kind, word seen) noexcept;
    [[nodiscard]] bool release_reader() noexcept;
    [[nodiscard]] bool release_uncounted_reader() noexcept;
    void revoke_bias() noexcept;
    void grant_locked(word released) noexcept;
    void release_slow(word released) noexcept;
    void check_destroyable_slow(lock_kind) const noexcept;

    std::atomic<word> state_{0};
    wait_list waiters_; // guarded by rt::queue_lock_of(this)
};

} // namespace detail

// shared_mutex is std::shared_mutex for fibers and OS threads: one writer holds it, or any number
// of readers. Constant-initialised; 16 bytes. First come, first served: neither readers nor writers
// starve. Readers without a writer do not slow each other down. The fiber or thread that locked it
// must unlock it. An unlock that does not match a lock aborts, and so does destroying one that is
// locked or waited for.
class shared_mutex {
public:
    constexpr shared_mutex() noexcept = default;
    ~shared_mutex() { lock_.check_destroyable(kind); }
    shared_mutex(shared_mutex const&) = delete;
    shared_mutex& operator=(shared_mutex const&) = delete;

    // Exclusive (writer) lock. lock() blocks until the caller holds it; try_lock() and unlock()
    // never block.
    void lock() noexcept { lock_.lock(kind); }
    [[nodiscard]] bool try_lock() noexcept { return lock_.try_lock(kind); }
    void unlock() noexcept { lock_.unlock(kind); }

    // Shared (reader) lock. lock_shared() blocks until the caller holds it; the others never block.
    // A fiber or thread must not lock it shared twice: a writer that comes in between waits for the
    // first lock, and the second one for the writer.
    void lock_shared() noexcept { lock_.lock_shared(kind); }
    [[nodiscard]] bool try_lock_shared() noexcept { return lock_.try_lock_shared(kind); }
    void unlock_shared() noexcept { lock_.unlock_shared(kind); }

private:
    static constexpr auto kind = detail::lock_kind::shared_mutex;
    detail::readers_writer_lock lock_;
};

// shared_timed_mutex is std::shared_timed_mutex: a shared_mutex with locks that end at a deadline.
class shared_timed_mutex {
public:
    constexpr shared_timed_mutex() noexcept = default;
    ~shared_timed_mutex() { lock_.check_destroyable(kind); }
    shared_timed_mutex(shared_timed_mutex const&) = delete;
    shared_timed_mutex& operator=(shared_timed_mutex const&) = delete;

    void lock() noexcept { lock_.lock(kind); }
    [[nodiscard]] bool try_lock() noexcept { return lock_.try_lock(kind); }
    void unlock() noexcept { lock_.unlock(kind); }

    void lock_shared() noexcept { lock_.lock_shared(kind); }
    [[nodiscard]] bool try_lock_shared() noexcept { return lock_.try_lock_shared(kind); }
    void unlock_shared() noexcept { lock_.unlock_shared(kind); }

    // Block until the caller holds the lock, at most until the deadline. Return false if the
    // deadline came first.
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> const& duration) {
        return detail::lock_for(exclusive{lock_}, duration);
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> const& when) {
        return detail::lock_until(exclusive{lock_}, when);
    }
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_shared_for(std::chrono::duration<Rep, Period> const& duration) {
        return detail::lock_for(shared{lock_}, duration);
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_shared_until(std::chrono::time_point<Clock, Duration> const& when) {
        return detail::lock_until(shared{lock_}, when);
    }

private:
    static constexpr auto kind = detail::lock_kind::shared_timed_mutex;
    using exclusive = detail::named_lock<detail::readers_writer_lock, kind>;
    struct shared {
        detail::readers_writer_lock& lock;
        [[nodiscard]] bool try_lock() noexcept { return lock.try_lock_shared(kind); }
        [[nodiscard]] bool lock_before(detail::deadline until) noexcept {
            return lock.lock_shared_before(kind, until);
        }
    };
    detail::readers_writer_lock lock_;
};

} // namespace fiber
