// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// procs.hpp: runs a test body with few and with many processors, whatever FIBER_PROCS is.
#pragma once

#include "tests/support/catch.hpp"

#include <fiber/runtime.hpp>

#include <algorithm>
#include <set>
#include <thread>
#include <type_traits>

namespace tests {

// Returns 1, 2, the number of processors of this machine, and twice that number, without duplicates.
inline std::set<unsigned> processor_counts() {
    unsigned const hardware = std::max(1u, std::thread::hardware_concurrency());
    return {1, 2, hardware, 2 * hardware};
}

// Calls body() or body(runtime&) in a fiber of a new runtime, once for each number of processors. The
// destructor of the runtime waits for all fibers: a fiber that does not end is a hang, which main.cpp
// reports. In a case with SECTIONs, call it inside of a section, not around them.
template <class Body>
void on_processors(Body body) {
    for (unsigned const n : processor_counts()) {
        INFO("processors: " << n);
        fiber::runtime runtime({.processors = n});
        runtime.run([&] {
            if constexpr (std::is_invocable_v<Body&, fiber::runtime&>)
                body(runtime);
            else
                body();
        });
    }
}

} // namespace tests
