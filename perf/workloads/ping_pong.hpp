// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a round trip between two tasks cost, through two unbuffered channels?
#pragma once

#include "perf/workload.hpp"

namespace perf {

template <class Competitor>
nanoseconds round_trips(std::int64_t n) {
    return Competitor::run([n] {
        typename Competitor::template chan<std::int64_t> there(0), back(0);
        typename Competitor::thread echo([=] {
            while (auto v = there.recv())
                back.send(*v + 1);
        });
        std::int64_t v = 0;
        auto const start = clock::now();
        for (std::int64_t i = 0; i < n; ++i) {
            there.send(v);
            v = back.recv().value();
        }
        auto const took = clock::now() - start;
        there.close();
        echo.join();
        verify(v == n, "every value came back, plus one");
        return took;
    });
}

} // namespace perf
