// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exclusive_lock.hpp: a lock with one owner: state, queue, and grants to starving waiters. It is the
// lock inside all classes of mutex.hpp.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/deadline_or_stop.hpp>
#include <fiber/detail/lock_kind.hpp>
#include <fiber/detail/unlock_bias.hpp>
#include <fiber/detail/wait_list.hpp>

#include <atomic>
#include <cstdint>

namespace fiber::detail {

class FIBER_API exclusive_lock {
public:
    constexpr exclusive_lock() noexcept = default;
    exclusive_lock(exclusive_lock const&) = delete;
    exclusive_lock& operator=(exclusive_lock const&) = delete;

    // Locks the mutex if it is free. Never blocks.
    [[nodiscard]] bool try_lock() noexcept {
        // relaxed: a load leaves the cache line shared if the mutex is locked
        if (state_.load(std::memory_order_relaxed) != free || !try_acquire())
            return false;
        bias_.sample();
        return true;
    }

    // Blocks until the caller owns the mutex. Returns false if the mutex stayed locked until the
    // deadline or the stop.
    bool lock_before(deadline_or_stop until) noexcept {
        if (!try_acquire()) [[unlikely]]
            return lock_slow(until);
        bias_.sample();
        return true;
    }

    // Frees the mutex by a plain store and returns true, or returns false: then unlock() must
    // follow. Always returns false after forbid_biased_unlock() by the same owner.
    [[nodiscard]] bool try_unlock_biased() noexcept {
        return bias_.try_unlock(this,
                                [this]() noexcept { end_round(); }); // if true, *this may be destroyed here
    }
    void forbid_biased_unlock() noexcept { bias_.drop_sample(); }

    // Frees the mutex, or grants it to a starving waiter. Aborts if the mutex is free; the kind is for
    // the message.
    void unlock(lock_kind kind) noexcept {
        auto const seen = bias_.subtract(this);
        if (seen != locked) [[unlikely]] // if it was `locked`, *this may be destroyed here
            unlock_slow(kind, seen);
    }

    // relaxed: for the destructor, which is ordered after all other uses
    [[nodiscard]] bool is_locked() const noexcept { return state_.load(std::memory_order_relaxed) != free; }
    [[nodiscard]] bool has_waiters() const noexcept { return !waiters_.empty(); }

    // For tests.
    [[nodiscard]] bool is_biased() const noexcept { return bias_.is_biased(); }

private:
    using word = std::uint8_t;
    static constexpr word free = 0, locked = 1, contended = 2; // see exclusive_lock.cpp

    [[nodiscard]] bool try_acquire() noexcept {
        auto expected = free;
        return state_.compare_exchange_strong(expected, locked, std::memory_order_acquire, // [mutex.hand_on]
                                              std::memory_order_relaxed); // relaxed: nothing acquired
    }

    bool lock_slow(deadline_or_stop until) noexcept;
    bool lock_by_waiting(deadline_or_stop until) noexcept;
    void unlock_slow(lock_kind, word seen) noexcept;
    bool spin(word taken) noexcept;
    void end_round() noexcept;

    alignas(2) std::atomic<word> state_{free};
    unlock_bias bias_;                         // must follow state_
    std::atomic<std::uint32_t> queue_lock_{0}; // guards waiters_
    wait_list waiters_;
};

} // namespace fiber::detail
