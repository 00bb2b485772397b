// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// timespec.hpp: times as system calls have them.
#pragma once

#include "runtime/base/platform/clock.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>

namespace fiber::rt {

// Returns the time until the deadline: zero if it has passed. The deadline is not `never`.
[[nodiscard]] inline timespec time_left(clock::time_point deadline) noexcept {
    auto const left = std::max(deadline - clock::now(), clock::duration::zero());
    auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    return {static_cast<time_t>(seconds.count()), static_cast<long>((left - seconds).count())};
}

// Limits a number of seconds, so that the clock can represent it.
[[nodiscard]] inline std::chrono::seconds limited_seconds(time_t seconds) noexcept {
    constexpr time_t longest = 1'000'000'000;
    return std::chrono::seconds(std::min(seconds, longest));
}

[[nodiscard]] inline clock::duration length_of(timespec const& t) noexcept {
    return limited_seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

// Returns false for a time that system calls refuse with EINVAL.
[[nodiscard]] inline bool is_valid(timespec const& t) noexcept {
    return t.tv_sec >= 0 && t.tv_nsec >= 0 && t.tv_nsec < 1'000'000'000;
}

} // namespace fiber::rt
