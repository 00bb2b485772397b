// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// coarse_clock.hpp: a clock that takes one load to read, for the time at which a fiber parks.
//   sysmon sets it at each look at the processors, at least every 10 ms while a fiber runs
//   a machine sets it when it has slept: sysmon may have slept, too
#pragma once

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/atomics/relaxed.hpp"
#include "runtime/base/platform/clock.hpp"

#include <chrono>
#include <cstdint>

namespace fiber::rt {

// A point in time, in ticks of 4 ms. The number wraps after 198 days: a longer wait looks shorter.
class coarse_time {
public:
    constexpr coarse_time() noexcept = default;
    constexpr explicit coarse_time(std::uint32_t ticks) noexcept : ticks_(ticks) {}
    explicit coarse_time(clock::time_point t) noexcept
        : ticks_(static_cast<std::uint32_t>(std::chrono::floor<long_tick>(t.time_since_epoch()).count())) {}

    [[nodiscard]] std::uint32_t ticks() const noexcept { return ticks_; }
    // Returns the time from this point to `now`, never less than zero.
    [[nodiscard]] clock::duration until(clock::time_point now) const noexcept {
        constexpr std::uint32_t almost_all = ~std::uint32_t{0} - 250 * 3600; // `now` is before this point
        std::uint32_t const passed = coarse_time(now).ticks_ - ticks_;
        return passed < almost_all ? clock::duration(long_tick(passed)) : clock::duration::zero();
    }

private:
    using long_tick = std::chrono::duration<std::int64_t, std::ratio<4, 1000>>;
    std::uint32_t ticks_ = 0;
};

class coarse_clock {
public:
    [[nodiscard]] static std::uint32_t ticks() noexcept { return ticks_; }
    static void set(clock::time_point now) noexcept {
        if (auto const t = coarse_time(now).ticks(); t != ticks_) // the line is read at each park
            ticks_ = t;
    }

private:
    struct alignas(cache_line) line { // alone in its cache line
        relaxed<std::uint32_t> value;
    };
    static inline constinit line shared_{};
    static constexpr relaxed<std::uint32_t>& ticks_ = shared_.value;
};

} // namespace fiber::rt
