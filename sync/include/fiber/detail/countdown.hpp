// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// countdown.hpp: a counter and a wait until it is zero, for wait_group, latch, group and the
// readiness of a future.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline_or_stop.hpp>
#include <fiber/detail/wait_list.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fiber::rt {
enum class wait_reason : std::uint8_t;
}

namespace fiber::detail {

// All members may be called from any fiber or OS thread at any time. The countdown may be destroyed
// once a wait or is_zero() has returned true, even if the last add() has not returned.
class FIBER_API countdown {
public:
    static constexpr std::ptrdiff_t limit = PTRDIFF_MAX / 4;

    constexpr explicit countdown(std::ptrdiff_t n) noexcept : state_(step * n) {}
    countdown(countdown const&) = delete;
    countdown& operator=(countdown const&) = delete;

    // Adds n, -limit to limit, and wakes all waiters if the counter becomes zero. Returns false,
    // and leaves the counter unchanged, if it would become negative. Never blocks.
    [[nodiscard]] bool add(std::ptrdiff_t n) noexcept {
        // release: what the caller did before is visible when the wait returns. acquire: the last
        // add() passes on what the callers of all earlier ones did.
        auto const now = state_.fetch_add(step * n, std::memory_order_acq_rel) + step * n; // [countdown.zero]
        if (now >= step || now == 0) [[likely]] // *this may be destroyed here
            return true;
        return zero_or_less(now, n);
    }

    [[nodiscard]] bool is_zero() const noexcept {
        return state_.load(std::memory_order_acquire) == 0; // [countdown.zero]
    }

    // Waits until the counter is zero. Returns false if the deadline or the stop came first.
    bool wait_slow(deadline_or_stop until, rt::wait_reason why, void const* what) noexcept;

    // Returns true if there are waiters. For destructors only: it reads without the queue lock.
    [[nodiscard]] bool waited_for() const noexcept { return !waiters_.empty(); }

private:
    using word = std::int64_t;
    static constexpr word waited = 1, step = 2; // see countdown.cpp

    [[nodiscard]] bool zero_or_less(word now, std::ptrdiff_t n) noexcept;
    void release() noexcept;

    std::atomic<word> state_;
    wait_list waiters_; // guarded by rt::queue_lock_of(this)
};

} // namespace fiber::detail
