// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadline.hpp converts any std::chrono duration or time point to one type, the steady clock's time
// point. Installed, not API.
// No value overflows: a time beyond the steady clock's range becomes `never`, or has passed. std's
// own comparisons and differences of two time points overflow: they convert both to the finer unit,
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

// A time of whole + part / parts nanoseconds, with 0 <= part < parts.
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

// ── all other durations: long double, which holds every 64-bit integer, infinities and NaN ──

template <class Rep, class Period>
[[nodiscard]] constexpr long double roughly(std::chrono::duration<Rep, Period> const& d) {
    return std::chrono::duration_cast<std::chrono::duration<long double, std::nano>>(d).count();
}

// Both `saturated` convert to the steady clock's unit. A value out of range becomes the nearest
// value in range.
static_assert(std::is_same_v<deadline::period, std::nano> && std::is_same_v<deadline::rep, std::int64_t>);

[[nodiscard]] constexpr deadline::duration saturated(wide_integer nanoseconds) noexcept {
    using limits = std::numeric_limits<std::int64_t>;
    return deadline::duration(nanoseconds > limits::max()   ? limits::max()
                              : nanoseconds < limits::min() ? limits::min()
                                                            : static_cast<std::int64_t>(nanoseconds));
}

// Rounds up. NaN becomes the least value.
[[nodiscard]] constexpr deadline::duration saturated(long double nanoseconds) noexcept {
    if (!(nanoseconds > -0x1p63L))
        return deadline::duration::min();
    if (nanoseconds >=
        0x1p63L - 1) // also a fraction above the last value but one, which cannot be rounded up
        return deadline::duration::max();
    auto const whole = static_cast<std::int64_t>(nanoseconds);
    return deadline::duration(whole + (static_cast<long double>(whole) < nanoseconds));
}

template <class Rep, class Period>
[[nodiscard]] constexpr deadline::duration saturated(std::chrono::duration<Rep, Period> const& d) {
    if constexpr (is_exact<std::chrono::duration<Rep, Period>>)
        return detail::saturated(detail::exactly(d).rounded_up());
    else
        return detail::saturated(detail::roughly(d));
}

// ── functions that the waits use ──

// Rounds up to the clock's tick, so that a wait is never too short. A duration that would overflow
// becomes the longest one. NaN and negative durations become zero.
template <class Rep, class Period>
[[nodiscard]] constexpr deadline::duration steady_duration(std::chrono::duration<Rep, Period> const& d) {
    auto const s = detail::saturated(d);
    return s > deadline::duration::zero() ? s : deadline::duration::zero();
}

// Returns true if d is positive; returns false if d is zero, negative or NaN.
template <class Rep, class Period>
[[nodiscard]] constexpr bool has_length(std::chrono::duration<Rep, Period> const& d) {
    return d > std::chrono::duration<Rep, Period>::zero();
}

// Returns now plus d, or `never` if that is beyond the clock's range.
template <class Rep, class Period>
[[nodiscard]] deadline deadline_after(std::chrono::duration<Rep, Period> const& d) {
    auto const length = detail::steady_duration(d);
    auto const now = deadline::clock::now();
    return length < never - now ? now + length : never;
}

// Converts a time point of another clock by its distance from that clock's present time, which is
// read once. If that clock is set during the wait, the wait ends early or late. After an early end,
// the caller checks its own clock by has_passed and waits again.
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

// Converts a time point of the steady clock. A time before the clock's epoch becomes the epoch.
template <class Duration>
[[nodiscard]] constexpr deadline deadline_at(std::chrono::time_point<deadline::clock, Duration> const& when) {
    return deadline(detail::steady_duration(when.time_since_epoch()));
}

// Returns true if the clock has reached `when`, or if `when` is NaN.
template <class Clock, class Duration>
[[nodiscard]] bool has_passed(std::chrono::time_point<Clock, Duration> const& when) {
    auto const now = Clock::now().time_since_epoch();
    auto const then = when.time_since_epoch();
    using clock_unit = std::remove_const_t<decltype(now)>;
    if constexpr (std::is_same_v<clock_unit, Duration>)
        return !(now < then); // without any conversion
    else if constexpr (is_exact<Duration> && is_exact<clock_unit>)
        return !detail::exactly(now).less_than(detail::exactly(then));
    else
        return !(detail::roughly(now) < detail::roughly(then));
}

// Called after a wait until deadline_at(when) has timed out. Returns false if the clock was set
// back during the wait: then the wait must go on.
template <class Clock, class Duration>
[[nodiscard]] bool wait_is_over(std::chrono::time_point<Clock, Duration> const& when) {
    if constexpr (std::is_same_v<Clock, deadline::clock>)
        return true;
    else
        return detail::has_passed(when);
}

} // namespace fiber::detail
