// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// times.hpp: deadlines from the times of the C library.
#pragma once

#include "runtime/io/timespec.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <sys/time.h>

namespace fiber::hook_library {

// The steady clock. Its own now() is a function of the C++ library, which the process may not have.
struct clock {
    using duration = std::chrono::steady_clock::duration;
    using time_point = std::chrono::steady_clock::time_point;
    [[nodiscard]] static time_point now() noexcept {
        timespec t{};
        ::clock_gettime(CLOCK_MONOTONIC, &t);
        return time_point(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
    }
};
using rt::is_valid;
using rt::length_of;
using rt::never;
inline constexpr time_t far_away = 1'000'000'000; // seconds: the clock can represent it

[[nodiscard]] inline bool is_zero(timespec const& t) noexcept { return t.tv_sec == 0 && t.tv_nsec == 0; }

// Returns the time until the deadline, or zero if it has passed.
[[nodiscard]] inline timespec time_until(clock::time_point deadline) noexcept {
    auto const left = std::max(deadline - clock::now(), clock::duration::zero());
    auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    return {static_cast<time_t>(seconds.count()), static_cast<long>((left - seconds).count())};
}

} // namespace fiber::hook_library
