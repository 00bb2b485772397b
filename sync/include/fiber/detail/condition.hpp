// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// condition.hpp: the queue of waiters inside condition_variable and condition_variable_any,
// independent of the lock's type.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/wait_list.hpp>

#include <atomic>
#include <condition_variable> // cv_status
#include <cstdint>
#include <memory>
#include <stop_token>

namespace fiber::detail {

// A lock with its type erased.
struct lock_operations {
    template <class Lock>
    explicit lock_operations(Lock& l) noexcept
        : lock(std::addressof(l)), unlock([](void* which) noexcept { static_cast<Lock*>(which)->unlock(); }),
          relock([](void* which) noexcept { static_cast<Lock*>(which)->lock(); }) {}
    void* lock;
    void (*unlock)(void* lock) noexcept;
    void (*relock)(void* lock) noexcept; // an exception terminates the program, as in std
};

class FIBER_API condition {
public:
    constexpr condition() noexcept = default;
    ~condition() {
        // relaxed: the destruction is ordered after the last notification
        if (waiting_.load(std::memory_order_relaxed) != 0) [[unlikely]]
            report_destroyed_in_use();
    }
    condition(condition const&) = delete;
    condition& operator=(condition const&) = delete;

    void notify_one() noexcept {
        if (waiting_.load(std::memory_order_acquire) != 0) // [cv.hint] [cv.destruction]
            notify_first();
    }
    void notify_all() noexcept {
        if (waiting_.load(std::memory_order_acquire) != 0) // [cv.hint] [cv.destruction]
            notify_each();
    }
    // Unlocks, waits, and locks. Returns timeout if neither a notification nor a stop request ended
    // the wait before the deadline. The unlock of the lock must not wait.
    std::cv_status wait(lock_operations const&, deadline) noexcept;
    // Does the same for a lock with an unlock that may wait.
    std::cv_status wait_any(lock_operations const&, deadline) noexcept;
    // Does the same, and also ends at a stop request, or at once if a stop was requested before.
    std::cv_status wait_any(lock_operations const&, deadline, std::stop_token const&) noexcept;

    [[noreturn]] void report_wait_without_lock() const noexcept;

private:
    void enqueue(rt::waiter&) noexcept;
    template <class Park>
    std::cv_status park_queued(rt::waiter&, Park park) noexcept;
    template <class Park>
    std::cv_status wait_any_by(lock_operations const&, Park park) noexcept;
    void notify_first() noexcept;
    void notify_each() noexcept;
    void report_destroyed_in_use() const noexcept;

    // Both change only under rt::queue_lock_of(this).
    std::atomic<std::uint32_t> waiting_{0}; // number of waiters in the queue
    wait_list waiters_;
};

} // namespace fiber::detail
