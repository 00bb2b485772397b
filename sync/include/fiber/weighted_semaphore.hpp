// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// weighted_semaphore.hpp: Go's golang.org/x/sync/semaphore.Weighted.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline_or_stop.hpp>
#include <fiber/detail/wait_list.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stop_token>

namespace fiber {
namespace rt {
class wake_list;
}

// weighted_semaphore is Go's semaphore.Weighted: a semaphore with n units, for example the
// megabytes of a cache. Each acquire takes k of them at once. Constant-initialised; all members may
// be called from any fiber or OS thread at any time. First come, first served: a waiter for many
// units is not overtaken by a later one for few. The semaphore may be destroyed once the last
// acquire has returned, even if the release that ended it has not. Destroying a semaphore that is
// waited for aborts. A number of units below zero or above the size throws std::invalid_argument;
// Go's Acquire waits for such a number until its context ends.
class FIBER_API weighted_semaphore {
public:
    // Returns the largest possible size.
    [[nodiscard]] static constexpr std::ptrdiff_t max() noexcept { return PTRDIFF_MAX / step; }

    // Makes a semaphore with n free units, 0 to max(). Throws std::invalid_argument otherwise.
    constexpr explicit weighted_semaphore(std::ptrdiff_t n) : size_(n), state_(is_size(n) ? step * n : 0) {}
    ~weighted_semaphore() {
        if (!waiters_.empty()) [[unlikely]]
            report_destroyed_in_use();
    }
    weighted_semaphore(weighted_semaphore const&) = delete;
    weighted_semaphore& operator=(weighted_semaphore const&) = delete;

    // Blocks until k units are free and all earlier waiters have theirs, and takes k units.
    void acquire(std::ptrdiff_t k) {
        check(k);
        static_cast<void>(try_take(k) || acquire_slow(k, detail::never));
    }
    // Blocks like acquire(k), or until a stop is requested. Returns true if the caller has taken k
    // units, false if it has taken none. Units that are free are taken even if a stop was requested
    // before.
    [[nodiscard]] bool acquire(std::ptrdiff_t k, std::stop_token const& stop) {
        check(k);
        return detail::unless_stopped(
            stop, [this, k] { return try_take(k); },
            [this, k](detail::deadline_or_stop until) { return try_take(k) || acquire_slow(k, until); });
    }
    // Takes k units if they are free and there is no waiter. Returns false otherwise. Never blocks.
    [[nodiscard]] bool try_acquire(std::ptrdiff_t k) {
        check(k);
        return try_take(k);
    }

    // Gives k units back; the longest waiters get theirs first. Never blocks. Any fiber or OS thread
    // may call it. Throws std::logic_error, and gives nothing back, if fewer than k units are held.
    void release(std::ptrdiff_t k) {
        check(k);
        auto seen = state_.load(std::memory_order_relaxed); // relaxed: the successful CAS orders
        while ((seen & waited) == 0) {
            if (k > size_ - seen / step) [[unlikely]]
                throw_not_held(k, seen);
            if (state_.compare_exchange_weak(seen, seen + step * k,
                                             std::memory_order_release,  // [weighted.hand_on]
                                             std::memory_order_relaxed)) // *this may be destroyed here
                return;
        }
        release_slow(k);
    }

private:
    using word = std::int64_t;
    static constexpr word waited = 1, step = 2; // see weighted_semaphore.cpp

    [[nodiscard]] static constexpr bool is_size(std::ptrdiff_t n) {
        if (n < 0 || n > max())
            throw_not_size(n);
        return true;
    }
    void check(std::ptrdiff_t k) const {
        if (k < 0 || k > size_) [[unlikely]]
            throw_out_of_range(k);
    }
    [[nodiscard]] bool try_take(std::ptrdiff_t k) noexcept {
        auto seen = state_.load(std::memory_order_relaxed); // relaxed: the successful CAS orders
        while ((seen & waited) == 0 && seen >= step * k)
            if (state_.compare_exchange_weak(seen, seen - step * k,
                                             std::memory_order_acquire, // [weighted.hand_on]
                                             std::memory_order_relaxed))
                return true;
        return false;
    }
    [[nodiscard]] bool acquire_slow(std::ptrdiff_t k, detail::deadline_or_stop until) noexcept;
    void release_slow(std::ptrdiff_t k);
    void grant_locked(rt::wake_list& granted) noexcept;
    void report_destroyed_in_use() const noexcept;
    [[noreturn]] static void throw_not_size(std::ptrdiff_t n);
    [[noreturn]] void throw_out_of_range(std::ptrdiff_t k) const;
    [[noreturn]] void throw_not_held(std::ptrdiff_t k, word seen) const;

    std::ptrdiff_t const size_;
    std::atomic<word> state_;
    detail::wait_list waiters_; // guarded by rt::queue_lock_of(this)
};

} // namespace fiber
