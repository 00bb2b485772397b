// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// semaphore.hpp: std::counting_semaphore and std::binary_semaphore for fibers and OS threads.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/deadline_or_stop.hpp>
#include <fiber/detail/wait_list.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <stop_token>

namespace fiber {
namespace detail {

// A semaphore but for the type of its maximum.
class FIBER_API semaphore_base {
public:
    static constexpr std::ptrdiff_t limit = PTRDIFF_MAX;

    constexpr semaphore_base(std::ptrdiff_t n, std::ptrdiff_t max) : count_(n) {
        if (n < 0 || n > max)
            report_misuse("made with a count below zero, or above max()");
    }
    ~semaphore_base() {
        // relaxed: whoever destroys it has ordered that after all other uses
        if (count_.load(std::memory_order_relaxed) < 0) [[unlikely]]
            report_destroyed_in_use();
    }
    semaphore_base(semaphore_base const&) = delete;
    semaphore_base& operator=(semaphore_base const&) = delete;

    void release(std::ptrdiff_t n, std::ptrdiff_t max) {
        if (n < 0 || n > max) [[unlikely]]
            report_misuse("released below zero, or above max()");
        auto const before = count_.fetch_add(n, std::memory_order_release); // [semaphore.hand_on]
        if (before < 0) [[unlikely]]                                        // else *this may be gone
            grant(n < -before ? n : -before);
        else if (before > max - n) [[unlikely]]
            report_misuse("released below zero, or above max()");
    }
    void acquire() {
        if (count_.fetch_sub(1, std::memory_order_acquire) <= 0) // [semaphore.hand_on]
            static_cast<void>(acquire_slow(never));
    }
    [[nodiscard]] bool try_acquire() noexcept {
        auto seen =
            count_.load(std::memory_order_relaxed); // relaxed, as for a CAS that fails: nothing is gained
        while (seen > 0)
            if (count_.compare_exchange_weak(seen, seen - 1, std::memory_order_acquire, // [semaphore.hand_on]
                                             std::memory_order_relaxed))
                return true;
        return false;
    }
    [[nodiscard]] bool acquire_before(deadline_or_stop until) {
        return count_.fetch_sub(1, std::memory_order_acquire) > 0 ||
               acquire_slow(until); // [semaphore.hand_on]
    }

private:
    void grant(std::ptrdiff_t n) noexcept;
    [[nodiscard]] bool acquire_slow(deadline_or_stop until) noexcept;
    void report_destroyed_in_use() const noexcept;
    [[noreturn]] void report_misuse(char const* what) const noexcept;

    std::atomic<std::ptrdiff_t> count_; // see semaphore.cpp
    // Guarded by rt::queue_lock_of(this).
    std::ptrdiff_t owed_ = 0;
    wait_list waiters_;
};

} // namespace detail

// counting_semaphore is std::counting_semaphore. Constant-initialised; all members may be called from any fiber or OS
// thread at any time. Permits go to those who wait in the order in which they came, and nobody comes in between. It may
// be destroyed as soon as the last acquire has returned, even while the release that ended it has not. Releasing beyond
// max(), and destroying one that is waited for, abort.
template <std::ptrdiff_t least_max_value = detail::semaphore_base::limit>
class counting_semaphore {
    static_assert(least_max_value >= 0 && least_max_value <= detail::semaphore_base::limit);

public:
    [[nodiscard]] static constexpr std::ptrdiff_t max() noexcept { return least_max_value; }

    // With so many permits: 0 … max().
    constexpr explicit counting_semaphore(std::ptrdiff_t desired) : permits_(desired, max()) {}
    counting_semaphore(counting_semaphore const&) = delete;
    counting_semaphore& operator=(counting_semaphore const&) = delete;

    // Gives n permits, to those who wait first. Never blocks.
    void release(std::ptrdiff_t n = 1) { permits_.release(n, max()); }
    // Takes a permit, and blocks until there is one.
    void acquire() { permits_.acquire(); }
    // The same, but a stop request ends it. False: it was stopped, and took no permit. A permit that is free, or
    // promised to the caller, is taken also after a stop; then the result is true.
    [[nodiscard]] bool acquire(std::stop_token const& stop) {
        return detail::unless_stopped(
            stop, [this] { return permits_.try_acquire(); },
            [this](detail::deadline_or_stop until) { return permits_.acquire_before(until); });
    }
    // Never blocks. False: there was none.
    bool try_acquire() noexcept { return permits_.try_acquire(); }

    // As acquire, but not beyond the given time. False: there was none until then.
    template <class Rep, class Period>
    bool try_acquire_for(std::chrono::duration<Rep, Period> const& duration) {
        return try_acquire() ||
               (detail::has_length(duration) && permits_.acquire_before(detail::deadline_after(duration)));
    }
    template <class Clock, class Duration>
    bool try_acquire_until(std::chrono::time_point<Clock, Duration> const& when) {
        if (try_acquire())
            return true;
        while (!detail::has_passed(when)) // again after a wait: the clock may have been set back meanwhile
            if (permits_.acquire_before(detail::deadline_at(when)))
                return true;
        return false;
    }

private:
    detail::semaphore_base permits_;
};

// binary_semaphore is std::binary_semaphore: one permit at the most.
using binary_semaphore = counting_semaphore<1>;

} // namespace fiber
