// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a task that does nothing cost when all are started first? Nothing keeps a handle: a wait group
// says when the last task has ended.
#pragma once

#include "perf/workload.hpp"

namespace perf {

template <class Competitor>
outcome start_all_then_wait(std::int64_t n) {
    if constexpr (!requires { typename Competitor::wait_group; })
        cannot("has none");
    else
        return Competitor::run([n] {
            // In a separate cache line: the task that starts the others must not share it with their
            // counter.
            struct alignas(64) {
                typename Competitor::wait_group group;
            } own_line;
            auto& all = own_line.group;
            all.add(n);
            auto const start = clock::now();
            for (std::int64_t i = 0; i < n; ++i)
                Competitor::go([&all] { all.done(); });
            all.wait();
            return whole(clock::now() - start);
        });
}

} // namespace perf
