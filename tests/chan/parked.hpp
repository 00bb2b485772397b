// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// parked.hpp: waits until fibers are parked. The next step of a test then finds them blocked, on any machine.
#pragma once

#include <fiber/runtime.hpp>

#include <chrono>
#include <cstddef>
#include <thread>

// Waits until exactly n fibers of the runtime are parked. Must be called by an OS thread.
inline void await_parked(fiber::runtime& rt, std::size_t n) {
    while (rt.stats().fibers_parked != n)
        std::this_thread::sleep_for(std::chrono::microseconds(50));
}
