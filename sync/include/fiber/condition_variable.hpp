// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// condition_variable.hpp: std::condition_variable for fibers and OS threads.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/wait_list.hpp>
#include <fiber/mutex.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable> // cv_status
#include <cstdint>
#include <mutex>
#include <utility>

namespace fiber {

// cv_status is std's own: a wait's result may be compared with either name.
using std::cv_status;

// condition_variable is std::condition_variable, for a fiber::mutex. Waiting parks the fiber, or blocks the
// OS thread. First come, first woken; there are no spurious wake-ups of its own, but a predicate is still the
// way to use it. As in std it may be destroyed once all waiters have been notified, even if they have not
// returned yet. Destroying one that is waited on aborts, and so does waiting with a lock that is not held.
class FIBER_API condition_variable {
public:
    constexpr condition_variable() noexcept = default;
    ~condition_variable() {
        // relaxed: whoever destroys it has ordered that after the last notification
        if (waiting_.load(std::memory_order_relaxed) != 0) [[unlikely]]
            destroyed_in_use();
    }
    condition_variable(condition_variable const&) = delete;
    condition_variable& operator=(condition_variable const&) = delete;

    // Wakes the party that has waited longest, if any waits. Never blocks; the mutex need not be held.
    void notify_one() noexcept {
        if (waiting_.load(std::memory_order_acquire) != 0) // [cv.hint] [cv.gone]
            notify_first();
    }

    // Wakes all parties that wait. Never blocks; the mutex need not be held.
    void notify_all() noexcept {
        if (waiting_.load(std::memory_order_acquire) != 0) // [cv.hint] [cv.gone]
            notify_each();
    }

    // Unlocks, blocks until notified, locks again. No notification is missed in between.
    void wait(std::unique_lock<mutex>& lock) noexcept {
        static_cast<void>(wait_or_give_up(lock, detail::never));
    }

    // Blocks until pred() is true; calls it with the lock held, the first time before waiting.
    template <class Predicate>
    void wait(std::unique_lock<mutex>& lock, Predicate pred) {
        while (!pred())
            wait(lock);
    }

    // As wait, but not beyond the given time: cv_status::timeout says that nobody notified until then.
    template <class Clock, class Duration>
    cv_status wait_until(std::unique_lock<mutex>& lock,
                         std::chrono::time_point<Clock, Duration> const& when) {
        if (wait_or_give_up(lock, detail::deadline_at(when)) == cv_status::no_timeout)
            return cv_status::no_timeout;
        // The caller's clock may have been set back meanwhile.
        return Clock::now() < when ? cv_status::no_timeout : cv_status::timeout;
    }

    template <class Rep, class Period>
    cv_status wait_for(std::unique_lock<mutex>& lock, std::chrono::duration<Rep, Period> const& duration) {
        return wait_or_give_up(lock, detail::deadline_after(duration));
    }

    // As wait with a predicate, but not beyond the given time. Returns the predicate's last value.
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
    cv_status wait_or_give_up(std::unique_lock<mutex>& lock, detail::deadline deadline) noexcept;
    void notify_first() noexcept;
    void notify_each() noexcept;
    void destroyed_in_use() const noexcept;

    // Both are changed under rt::queue_lock_of(this).
    std::atomic<std::uint32_t> waiting_{0}; // how many are in the queue
    detail::wait_list waiters_;
};

} // namespace fiber
