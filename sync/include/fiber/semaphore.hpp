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

// The part of a semaphore that does not depend on its maximum.
class FIBER_API semaphore_base {
public:
    static constexpr std::ptrdiff_t limit = PTRDIFF_MAX;

    constexpr semaphore_base(std::ptrdiff_t n, std::ptrdiff_t max) : count_(n) {
        if (n < 0 || n > max)
            report_misuse("made with a count below zero, or above max()");
    }
    ~semaphore_base() {
        // relaxed: the destruction is ordered after all other uses
        if (count_.load(std::memory_order_relaxed) < 0) [[unlikely]]
            report_destroyed_in_use();
    }
    semaphore_base(semaphore_base const&) = delete;
    semaphore_base& operator=(semaphore_base const&) = delete;

    void release(std::ptrdiff_t n, std::ptrdiff_t max) {
        if (n < 0 || n > max) [[unlikely]]
            report_misuse("released below zero, or above max()");
        auto const before = count_.fetch_add(n, std::memory_order_release); // [semaphore.hand_on]
        if (before < 0) [[unlikely]] // otherwise *this may be destroyed here
            grant(n < -before ? n : -before);
        else if (before > max - n) [[unlikely]]
            report_misuse("released below zero, or above max()");
    }
    void acquire() {
        if (count_.fetch_sub(1, std::memory_order_acquire) <= 0) // [semaphore.hand_on]
            static_cast<void>(acquire_slow(never));
    }
    [[nodiscard]] bool try_acquire() noexcept {
        auto seen = count_.load(std::memory_order_relaxed); // relaxed: the successful CAS orders
        while (seen > 0)
            if (count_.compare_exchange_weak(seen, seen - 1, std::memory_order_acquire, // [semaphore.hand_on]
                                             std::memory_order_relaxed))
                return true;
        return false;
    }
    [[nodiscard]] bool acquire_before(deadline_or_stop until) {
        return count_.fetch_sub(1, std::memory_order_acquire) > 0 || // [semaphore.hand_on]
               acquire_slow(until);
    }

private:
    void grant(std::ptrdiff_t n) noexcept;
    [[nodiscard]] bool acquire_slow(deadline_or_stop until) noexcept;
    void report_destroyed_in_use() const noexcept;
    [[noreturn]] void report_misuse(char const* what) const noexcept;

    std::atomic<std::ptrdiff_t> count_; // see semaphore.cpp
    // Guarded by rt::queue_lock_of(this). owed_: promised permits for agents that are not yet in
    // the queue.
    std::ptrdiff_t owed_ = 0;
    wait_list waiters_;
};

} // namespace detail

// counting_semaphore is std::counting_semaphore. Constant-initialised; all members may be called
// from any fiber or OS thread at any time. Waiters get permits in the order of their arrival, and
// are never overtaken. The semaphore may be destroyed once the last acquire has returned, even if
// the release that ended it has not. Releasing beyond max() aborts, and so does destroying a
// semaphore that is waited for.
template <std::ptrdiff_t least_max_value = detail::semaphore_base::limit>
class counting_semaphore {
    static_assert(least_max_value >= 0 && least_max_value <= detail::semaphore_base::limit);

public:
    [[nodiscard]] static constexpr std::ptrdiff_t max() noexcept { return least_max_value; }

    // Makes a semaphore with `desired` free permits, 0 to max().
    constexpr explicit counting_semaphore(std::ptrdiff_t desired) : permits_(desired, max()) {}
    counting_semaphore(counting_semaphore const&) = delete;
    counting_semaphore& operator=(counting_semaphore const&) = delete;

    // Adds n permits; waiters get theirs first. Never blocks.
    void release(std::ptrdiff_t n = 1) { permits_.release(n, max()); }
    // Blocks until there is a permit for the caller, and takes it.
    void acquire() { permits_.acquire(); }
    // Blocks until the caller has a permit or a stop is requested. Returns true if the caller has
    // taken a permit. A permit that is free, or promised to the caller, is taken even after a stop
    // request.
    [[nodiscard]] bool acquire(std::stop_token const& stop) {
        return detail::unless_stopped(
            stop, [this] { return permits_.try_acquire(); },
            [this](detail::deadline_or_stop until) { return permits_.acquire_before(until); });
    }
    // Takes a permit if there is one. Returns false otherwise. Never blocks.
    bool try_acquire() noexcept { return permits_.try_acquire(); }

    // Block until there is a permit, at most until the deadline. Return false if the deadline came
    // first.
    template <class Rep, class Period>
    bool try_acquire_for(std::chrono::duration<Rep, Period> const& duration) {
        return try_acquire() ||
               (detail::has_length(duration) && permits_.acquire_before(detail::deadline_after(duration)));
    }
    template <class Clock, class Duration>
    bool try_acquire_until(std::chrono::time_point<Clock, Duration> const& when) {
        if (try_acquire())
            return true;
        while (!detail::has_passed(when)) // checked after each wait: Clock may have been set back
            if (permits_.acquire_before(detail::deadline_at(when)))
                return true;
        return false;
    }

private:
    detail::semaphore_base permits_;
};

// binary_semaphore is std::binary_semaphore: at most one permit.
using binary_semaphore = counting_semaphore<1>;

} // namespace fiber
