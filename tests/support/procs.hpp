// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// procs.hpp: a test body on few and many processors, whatever FIBER_PROCS says.
#pragma once

#include "tests/support/catch.hpp"

#include <fiber/runtime.hpp>

#include <algorithm>
#include <set>
#include <thread>
#include <type_traits>

namespace tests {

// 1, 2, the machine's own number and twice that, each once.
inline std::set<unsigned> processor_counts() {
    unsigned const hardware = std::max(1u, std::thread::hardware_concurrency());
    return {1, 2, hardware, 2 * hardware};
}

// Runs body() or body(runtime&) in a fiber of a runtime made for it, once for each count. The runtime's
// destructor waits for all its fibers, so one that is left behind is a hang, named by main.cpp. In a case
// with SECTIONs, call it within a section, not around them.
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
