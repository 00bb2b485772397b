// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does it cost to start a task and to wait for its end, one after another?
#pragma once

#include "perf/workload.hpp"

namespace perf {

template <class Competitor>
nanoseconds start_and_join(std::int64_t n) {
    return Competitor::run([n] {
        std::int64_t ran = 0;
        auto const start = clock::now();
        for (std::int64_t i = 0; i < n; ++i) {
            typename Competitor::thread t([&ran] { ++ran; });
            t.join();
        }
        auto const took = clock::now() - start;
        verify(ran == n, "every thread ran once before its join returned");
        return took;
    });
}

} // namespace perf
