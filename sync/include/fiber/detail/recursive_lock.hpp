// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// recursive_lock.hpp: the lock inside recursive_mutex and recursive_timed_mutex.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/lock_kind.hpp>
#include <fiber/detail/watched_lock.hpp>

#include <atomic>
#include <cstdint>

namespace fiber::detail {

// A lock that stores its owner, the number of its locks, and its kind.
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
        return owner_.load(std::memory_order_relaxed) == me; // relaxed: see recursive_lock.cpp
    }
    void set_owner(void const* me) noexcept {
        owner_.store(me, std::memory_order_relaxed);
        times_ = 1;
    }
    [[noreturn]] void throw_locked_too_often() const;

    watched_lock lock_;
    std::atomic<void const*> owner_{nullptr}; // the agent, or null
    std::uint32_t times_ = 0;                 // used by the owner only
    lock_kind const kind_;
};

} // namespace fiber::detail
