// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadline.hpp: any std::chrono duration or time point becomes one type, the steady clock's time point.
// Installed, not API. No value overflows: what is further away than the steady clock can count is never, or
// is over. std's own comparisons and differences of two time points first convert both to the finer unit,
// where days of the year 9999 do not fit.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

namespace fiber::detail {

using deadline = std::chrono::steady_clock::time_point;

// The deadline that never comes.
inline constexpr deadline never = deadline::max();

// ── durations of integers: exact, in 128 bits ──

__extension__ typedef __int128 wide_integer;

template <class Duration>
inline constexpr bool is_exact = std::is_integral_v<typename Duration::rep> &&
                                 sizeof(typename Duration::rep) <= sizeof(std::int64_t);

// whole + part / parts nanoseconds, where 0 <= part < parts.
struct exact_nanoseconds {
    wide_integer whole;
    std::int64_t part, parts;

    [[nodiscard]] constexpr wide_integer rounded_up() const noexcept { return whole + (part != 0); }
    [[nodiscard]] constexpr bool less_than(exact_nanoseconds const& other) const noexcept {
        return whole != other.whole ? whole < other.whole
                                    : wide_integer{part} * other.parts < wide_integer{other.part} * parts;
    }
};

template <class Rep, class Period>
[[nodiscard]] constexpr exact_nanoseconds exactly(std::chrono::duration<Rep, Period> const& d) noexcept {
    using unit = std::ratio_divide<Period, std::nano>;
    auto const product = wide_integer{d.count()} * unit::num; // 64 bits by 63
    auto whole = product;
    std::int64_t part = 0;
    if constexpr (unit::den != 1) {
        whole = product / unit::den;
        part = static_cast<std::int64_t>(product % unit::den);
        if (part < 0) {
            --whole;
            part += unit::den;
        }
    }
    return {whole, part, unit::den};
}

// ── all others: in long double, which has every value of a 64-bit integer, infinities and NaN ──

template <class Rep, class Period>
[[nodiscard]] constexpr long double roughly(std::chrono::duration<Rep, Period> const& d) {
    return std::chrono::duration_cast<std::chrono::duration<long double, std::nano>>(d).count();
}

// To the steady clock's unit; what does not fit becomes the nearest that does.
static_assert(std::is_same_v<deadline::period, std::nano> && std::is_same_v<deadline::rep, std::int64_t>);

[[nodiscard]] constexpr deadline::duration saturated(wide_integer nanoseconds) noexcept {
    using limits = std::numeric_limits<std::int64_t>;
    return deadline::duration(nanoseconds > limits::max()   ? limits::max()
                              : nanoseconds < limits::min() ? limits::min()
                                                            : static_cast<std::int64_t>(nanoseconds));
}

// Rounded up; NaN is least.
[[nodiscard]] constexpr deadline::duration saturated(long double nanoseconds) noexcept {
    if (!(nanoseconds > -0x1p63L))
        return deadline::duration::min();
    if (nanoseconds >= 0x1p63L)
        return deadline::duration::max();
    auto const whole = static_cast<std::int64_t>(nanoseconds);
    return deadline::duration(whole + (static_cast<long double>(whole) <
                                       nanoseconds)); // never at the end: that one has no fraction
}

template <class Rep, class Period>
[[nodiscard]] constexpr deadline::duration saturated(std::chrono::duration<Rep, Period> const& d) {
    if constexpr (is_exact<std::chrono::duration<Rep, Period>>)
        return detail::saturated(detail::exactly(d).rounded_up());
    else
        return detail::saturated(detail::roughly(d));
}

// ── what the waits use ──

// Rounded up to the clock's tick: a wait is never too short. What would overflow means for ever; NaN and
// negative ones mean none.
template <class Rep, class Period>
[[nodiscard]] constexpr deadline::duration steady_duration(std::chrono::duration<Rep, Period> const& d) {
    auto const s = detail::saturated(d);
    return s > deadline::duration::zero() ? s : deadline::duration::zero();
}

// Whether there is any time to wait: not if the duration is zero, negative or NaN.
template <class Rep, class Period>
[[nodiscard]] constexpr bool has_length(std::chrono::duration<Rep, Period> const& d) {
    return d > std::chrono::duration<Rep, Period>::zero();
}

// Now plus the duration; never, if the clock cannot count so far.
template <class Rep, class Period>
[[nodiscard]] deadline deadline_after(std::chrono::duration<Rep, Period> const& d) {
    auto const length = detail::steady_duration(d);
    auto const now = deadline::clock::now();
    return length < never - now ? now + length : never;
}

// A point of another clock is a distance from that clock's now, taken once: when that clock is set meanwhile,
// the caller's wait ends early or late, and the caller looks at its own clock again, with has_passed.
template <class Clock, class Duration>
[[nodiscard]] deadline deadline_at(std::chrono::time_point<Clock, Duration> const& when) {
    static_assert(std::chrono::is_clock_v<Clock>, "fiber: as in std, the time point must be one of a clock");
    auto const from = Clock::now().time_since_epoch();
    auto const to = when.time_since_epoch();
    if constexpr (is_exact<Duration> && is_exact<std::remove_const_t<decltype(from)>>)
        return detail::deadline_after(
            detail::saturated(detail::exactly(to).rounded_up() - detail::exactly(from).whole));
    else
        return detail::deadline_after(detail::saturated(detail::roughly(to) - detail::roughly(from)));
}

// One that has long passed becomes the clock's epoch.
template <class Duration>
[[nodiscard]] constexpr deadline deadline_at(std::chrono::time_point<deadline::clock, Duration> const& when) {
    return deadline(detail::steady_duration(when.time_since_epoch()));
}

// Whether the clock says that the point has come. NaN has.
template <class Clock, class Duration>
[[nodiscard]] bool has_passed(std::chrono::time_point<Clock, Duration> const& when) {
    auto const now = Clock::now().time_since_epoch();
    auto const then = when.time_since_epoch();
    using clock_unit = std::remove_const_t<decltype(now)>;
    if constexpr (std::is_same_v<clock_unit, Duration>)
        return !(now < then); // nothing is converted
    else if constexpr (is_exact<Duration> && is_exact<clock_unit>)
        return !detail::exactly(now).less_than(detail::exactly(then));
    else
        return !(detail::roughly(now) < detail::roughly(then));
}

// After a wait until deadline_at(when) has timed out. False: the clock has been set back meanwhile, and the
// wait goes on.
template <class Clock, class Duration>
[[nodiscard]] bool wait_is_over(std::chrono::time_point<Clock, Duration> const& when) {
    if constexpr (std::is_same_v<Clock, deadline::clock>)
        return true;
    else
        return detail::has_passed(when);
}

} // namespace fiber::detail
