// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// latch.hpp: std::latch for fibers and OS threads.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/countdown.hpp>

#include <cstddef>

namespace fiber {

// latch is std::latch: a counter that goes down to zero once, and a wait for that.
// Constant-initialised; all members may be called from any fiber or OS thread at any time. It may
// be destroyed once a wait() has returned or try_wait() was true, even if the last count_down() has
// not returned. A count below zero aborts, and so does destroying a latch that is waited for.
class FIBER_API latch {
public:
    [[nodiscard]] static constexpr std::ptrdiff_t max() noexcept { return detail::countdown::limit; }

    // Makes a latch with the counter `expected`, 0 to max(). Aborts otherwise.
    constexpr explicit latch(std::ptrdiff_t expected) : counter_(expected) {
        if (expected < 0 || expected > max())
            report_misuse("made with a count below zero, or above max()");
    }
    ~latch() {
        if (counter_.waited_for()) [[unlikely]]
            report_destroyed_in_use();
    }
    latch(latch const&) = delete;
    latch& operator=(latch const&) = delete;

    // Subtracts n from the counter, and wakes all waiters if the counter becomes zero. Never blocks.
    void count_down(std::ptrdiff_t n = 1) {
        if (n < 0 || n > max() || !counter_.add(-n)) [[unlikely]]
            report_misuse("counted down below zero");
    }
    // Returns true if the counter is zero. Never blocks.
    [[nodiscard]] bool try_wait() const noexcept { return counter_.is_zero(); }
    // Blocks until the counter is zero.
    void wait() const {
        if (!counter_.is_zero())
            wait_slow();
    }
    // Calls count_down(n), then wait().
    void arrive_and_wait(std::ptrdiff_t n = 1) {
        count_down(n);
        wait();
    }

private:
    void wait_slow() const noexcept;
    [[noreturn]] void report_misuse(char const* what) const noexcept;
    void report_destroyed_in_use() const noexcept;

    mutable detail::countdown counter_; // std's wait() is const
};

} // namespace fiber
