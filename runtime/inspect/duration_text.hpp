// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// duration_text.hpp: a length of time for people.
#pragma once

#include <chrono>
#include <string>

namespace fiber::rt {

// Returns `250 ms`, `12 s`, `3 min` or `5 h`, rounded down.
[[nodiscard]] inline std::string to_text(std::chrono::nanoseconds length) {
    using namespace std::chrono_literals;
    if (length < 10s)
        return std::to_string(length / 1ms) + " ms";
    if (length < 10min)
        return std::to_string(length / 1s) + " s";
    if (length < 10h)
        return std::to_string(length / 1min) + " min";
    return std::to_string(length / 1h) + " h";
}

} // namespace fiber::rt
