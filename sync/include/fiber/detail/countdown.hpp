// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// countdown.hpp: a counter, and waiting until it is zero: what wait_group, latch and a future's readiness stand on.
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

// All members may be called by anyone at any time. It may be destroyed as soon as a wait, or is_zero(), has said
// that it is zero, even while the last add() has not returned.
class FIBER_API countdown {
public:
    static constexpr std::ptrdiff_t limit = PTRDIFF_MAX / 4;

    constexpr explicit countdown(std::ptrdiff_t n) noexcept : state_(step * n) {}
    countdown(countdown const&) = delete;
    countdown& operator=(countdown const&) = delete;

    // Adds n, at most `limit` either way, and wakes all that wait if that makes it zero. Never blocks. False: it would
    // have become negative, and is as it was.
    [[nodiscard]] bool add(std::ptrdiff_t n) noexcept {
        // release: what was done before is visible when the wait returns. acquire: the last one passes on
        // what all the others have done.
        auto const now = state_.fetch_add(step * n, std::memory_order_acq_rel) + step * n; // [countdown.zero]
        if (now >= step || now == 0) [[likely]] // *this may be gone
            return true;
        return zero_or_less(now, n);
    }

    [[nodiscard]] bool is_zero() const noexcept {
        return state_.load(std::memory_order_acquire) == 0; // [countdown.zero]
    }

    // Waits until it is zero. False: it was not until the limit.
    bool wait_slow(deadline_or_stop until, rt::wait_reason why, void const* what) noexcept;

    // For destructors: whether somebody waits.
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
