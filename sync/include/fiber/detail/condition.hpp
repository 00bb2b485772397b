// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// condition.hpp: a queue of parties that wait to be notified, whatever lock they release meanwhile.
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

// A lock whose type is not known here.
struct lock_operations {
    template <class Lock>
    explicit lock_operations(Lock& l) noexcept
        : lock(std::addressof(l)), unlock([](void* which) noexcept { static_cast<Lock*>(which)->unlock(); }),
          relock([](void* which) noexcept { static_cast<Lock*>(which)->lock(); }) {}
    void* lock;
    void (*unlock)(void* lock) noexcept;
    void (*relock)(void* lock) noexcept; // one that throws terminates, as in std
};

class FIBER_API condition {
public:
    constexpr condition() noexcept = default;
    ~condition() {
        // relaxed: whoever destroys it has ordered that after the last notification
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
    // Unlocks, waits, locks. timeout: nobody notified until then, nor requested a stop. The unlock must not wait.
    std::cv_status wait(lock_operations const&, deadline) noexcept;
    // The same for any lock, whose unlock may wait.
    std::cv_status wait_any(lock_operations const&, deadline) noexcept;
    // Ended by a stop request too; one that has been made ends it at once.
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

    // Both are changed under rt::queue_lock_of(this).
    std::atomic<std::uint32_t> waiting_{0}; // how many are in the queue
    wait_list waiters_;
};

} // namespace fiber::detail
