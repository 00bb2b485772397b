// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// parked.hpp: waits until fibers wait. So a test's next step meets them blocked, whatever the machine's mood.
#pragma once

#include <fiber/runtime.hpp>

#include <chrono>
#include <cstddef>
#include <thread>

// Until exactly n fibers of the runtime are parked. For OS threads: the caller is none of them.
inline void await_parked(fiber::runtime& rt, std::size_t n) {
    while (rt.stats().fibers_parked != n)
        std::this_thread::sleep_for(std::chrono::microseconds(50));
}
