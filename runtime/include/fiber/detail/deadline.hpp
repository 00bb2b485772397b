// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadline.hpp: any std::chrono duration or time point becomes one type, the steady clock's time point.
#pragma once

#include <chrono>

namespace fiber::detail {

using deadline = std::chrono::steady_clock::time_point;

// The deadline that never comes.
inline constexpr deadline never = deadline::max();

// Now plus d, rounded up to the clock's tick: a wait is never too short. Durations that would overflow mean
// never; NaN and negative ones mean now.
template <class Rep, class Period>
[[nodiscard]] deadline deadline_after(std::chrono::duration<Rep, Period> const& d) {
    using wide = std::chrono::duration<long double, deadline::period>;
    auto const now = deadline::clock::now();
    if (!(d > std::chrono::duration<Rep, Period>::zero()))
        return now;
    if (std::chrono::duration_cast<wide>(d) >= std::chrono::duration_cast<wide>(never - now))
        return never;
    return now + std::chrono::ceil<deadline::duration>(d);
}

// A point of another clock is a distance from that clock's now, taken once: when that clock is set meanwhile,
// the caller's wait ends early or late, and the caller looks at its own clock again.
template <class Clock, class Duration>
[[nodiscard]] deadline deadline_at(std::chrono::time_point<Clock, Duration> const& when) {
    auto const now = Clock::now();
    return when <= now ? deadline::clock::now()
                       : deadline_after(when - now); // the difference of two points can overflow
}

template <class Duration>
[[nodiscard]] deadline deadline_at(std::chrono::time_point<deadline::clock, Duration> const& when) {
    using wide = std::chrono::duration<long double, deadline::period>;
    if (std::chrono::duration_cast<wide>(when.time_since_epoch()) >=
        std::chrono::duration_cast<wide>(never.time_since_epoch()))
        return never;
    return std::chrono::ceil<deadline::duration>(when);
}

} // namespace fiber::detail
