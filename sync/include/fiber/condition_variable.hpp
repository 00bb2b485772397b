// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// condition_variable.hpp: std::condition_variable and std::condition_variable_any for fibers and OS
// threads.
#pragma once

#include <fiber/detail/condition.hpp>
#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/mutex.hpp>

#include <chrono>
#include <condition_variable> // cv_status
#include <mutex>
#include <stop_token>
#include <utility>

namespace fiber {

// cv_status is the same type as std::cv_status.
using std::cv_status;

// condition_variable is std::condition_variable for a fiber::mutex. A wait parks the fiber, or
// blocks the OS thread. First come, first woken. There are no spurious wake-ups; use a predicate
// nevertheless, because the condition may change again before the waiter has locked the mutex. As
// in std, it may be destroyed once all waiters have been notified, even if they have not returned
// yet. Destroying it before that aborts, and so does waiting with a lock that does not hold its
// mutex.
class condition_variable {
public:
    constexpr condition_variable() noexcept = default;
    condition_variable(condition_variable const&) = delete;
    condition_variable& operator=(condition_variable const&) = delete;

    // Wakes the longest waiter, if there is one. Never blocks; the mutex need not be held.
    void notify_one() noexcept { condition_.notify_one(); }

    // Wakes all waiters. Never blocks; the mutex need not be held.
    void notify_all() noexcept { condition_.notify_all(); }

    // Unlocks the mutex, blocks until notified, and locks the mutex again. Misses no notification
    // between unlock and block.
    void wait(std::unique_lock<mutex>& lock) noexcept { static_cast<void>(wait_before(lock, detail::never)); }

    // Blocks until pred() is true. Calls pred() with the mutex held, first before any wait.
    template <class Predicate>
    void wait(std::unique_lock<mutex>& lock, Predicate pred) {
        while (!pred())
            wait(lock);
    }

    // Block like wait(lock), at most until the deadline. Return cv_status::timeout if there was no
    // notification until then.
    template <class Clock, class Duration>
    cv_status wait_until(std::unique_lock<mutex>& lock,
                         std::chrono::time_point<Clock, Duration> const& when) {
        if (wait_before(lock, detail::deadline_at(when)) == cv_status::no_timeout)
            return cv_status::no_timeout;
        // Clock may have been set back during the wait.
        return detail::wait_is_over(when) ? cv_status::timeout : cv_status::no_timeout;
    }

    template <class Rep, class Period>
    cv_status wait_for(std::unique_lock<mutex>& lock, std::chrono::duration<Rep, Period> const& duration) {
        return wait_before(lock, detail::deadline_after(duration));
    }

    // Block until pred() is true, at most until the deadline. Return the last value of pred().
    template <class Clock, class Duration, class Predicate>
    bool wait_until(std::unique_lock<mutex>& lock, std::chrono::time_point<Clock, Duration> const& when,
                    Predicate pred) {
        while (!pred())
            if (wait_until(lock, when) == cv_status::timeout)
                return pred();
        return true;
    }

    template <class Rep, class Period, class Predicate>
    bool wait_for(std::unique_lock<mutex>& lock, std::chrono::duration<Rep, Period> const& duration,
                  Predicate pred) {
        return wait_until(lock, detail::deadline_after(duration), std::move(pred));
    }

private:
    cv_status wait_before(std::unique_lock<mutex>& lock, detail::deadline until) noexcept {
        if (!lock.owns_lock()) [[unlikely]]
            condition_.report_wait_without_lock();
        return condition_.wait(detail::lock_operations(*lock.mutex()), until);
    }

    detail::condition condition_;
};

// notify_all_at_thread_exit is std::notify_all_at_thread_exit. When the calling fiber or OS thread
// ends, after its fiber::local variables have been destroyed, it notifies all waiters and unlocks
// the mutex.
FIBER_API void notify_all_at_thread_exit(condition_variable& condition, std::unique_lock<mutex> lock);

// condition_variable_any is std::condition_variable_any: a condition variable for every type of
// lock with lock() and unlock(), and with waits that a stop request ends. The lock may block the OS
// thread, as std::mutex does, and its unlock() may wait. Otherwise the rules
// of condition_variable hold.
class condition_variable_any {
public:
    constexpr condition_variable_any() noexcept = default;
    condition_variable_any(condition_variable_any const&) = delete;
    condition_variable_any& operator=(condition_variable_any const&) = delete;

    void notify_one() noexcept { condition_.notify_one(); }
    void notify_all() noexcept { condition_.notify_all(); }

    template <class Lock>
    void wait(Lock& lock) {
        static_cast<void>(condition_.wait_any(detail::lock_operations(lock), detail::never));
    }
    template <class Lock, class Predicate>
    void wait(Lock& lock, Predicate pred) {
        while (!pred())
            wait(lock);
    }
    template <class Lock, class Clock, class Duration>
    cv_status wait_until(Lock& lock, std::chrono::time_point<Clock, Duration> const& when) {
        if (condition_.wait_any(detail::lock_operations(lock), detail::deadline_at(when)) ==
            cv_status::no_timeout)
            return cv_status::no_timeout;
        return detail::wait_is_over(when) ? cv_status::timeout : cv_status::no_timeout;
    }
    template <class Lock, class Rep, class Period>
    cv_status wait_for(Lock& lock, std::chrono::duration<Rep, Period> const& duration) {
        return condition_.wait_any(detail::lock_operations(lock), detail::deadline_after(duration));
    }
    template <class Lock, class Clock, class Duration, class Predicate>
    bool wait_until(Lock& lock, std::chrono::time_point<Clock, Duration> const& when, Predicate pred) {
        while (!pred())
            if (wait_until(lock, when) == cv_status::timeout)
                return pred();
        return true;
    }
    template <class Lock, class Rep, class Period, class Predicate>
    bool wait_for(Lock& lock, std::chrono::duration<Rep, Period> const& duration, Predicate pred) {
        return wait_until(lock, detail::deadline_after(duration), std::move(pred));
    }

    // Block until pred() is true or a stop is requested, at most until the deadline. Return the
    // last value of pred().
    template <class Lock, class Predicate>
    bool wait(Lock& lock, std::stop_token stop, Predicate pred) {
        return wait_until(lock, std::move(stop), detail::never, std::move(pred));
    }
    template <class Lock, class Clock, class Duration, class Predicate>
    bool wait_until(Lock& lock, std::stop_token stop, std::chrono::time_point<Clock, Duration> const& when,
                    Predicate pred) {
        while (!stop.stop_requested()) {
            if (pred())
                return true;
            if (condition_.wait_any(detail::lock_operations(lock), detail::deadline_at(when), stop) ==
                    cv_status::timeout &&
                detail::wait_is_over(when))
                break;
        }
        return pred();
    }
    template <class Lock, class Rep, class Period, class Predicate>
    bool wait_for(Lock& lock, std::stop_token stop, std::chrono::duration<Rep, Period> const& duration,
                  Predicate pred) {
        return wait_until(lock, std::move(stop), detail::deadline_after(duration), std::move(pred));
    }

private:
    detail::condition condition_;
};

} // namespace fiber
