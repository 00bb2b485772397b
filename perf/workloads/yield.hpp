// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a scheduled yield cost, when there is always another task to switch to?
#pragma once

#include "perf/workloads/tasks.hpp"

namespace perf {

template <class Competitor>
nanoseconds yield_in_turns(std::int64_t tasks, std::int64_t n) {
    return Competitor::run([tasks, n] {
        return together<Competitor>(tasks, n, [](std::int64_t rounds) {
            for (std::int64_t i = 0; i < rounds; ++i)
                Competitor::yield();
        });
    });
}

} // namespace perf
