// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a task that does nothing cost when all are started first, and nobody keeps a handle: only a wait
// group says when the last has ended?
#pragma once

#include "perf/workload.hpp"

namespace perf {

template <class Competitor>
nanoseconds start_all_then_wait(std::int64_t n) {
    return Competitor::run([n] {
        // In a line of its own, as in a heap: what starts them must not share one with what they all count down.
        struct alignas(64) {
            typename Competitor::wait_group group;
        } alone;
        auto& all = alone.group;
        all.add(n);
        auto const start = clock::now();
        for (std::int64_t i = 0; i < n; ++i)
            Competitor::go([&all] { all.done(); });
        all.wait();
        return nanoseconds(clock::now() - start);
    });
}

} // namespace perf
