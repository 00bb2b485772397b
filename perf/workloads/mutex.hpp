// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a short critical section cost when a hundred tasks want it?
#pragma once

#include "perf/workloads/tasks.hpp"

#include <mutex>

namespace perf {

template <class Competitor>
nanoseconds count_under_a_lock(std::int64_t n) {
    return Competitor::run([n] {
        constexpr std::int64_t tasks = 100;
        typename Competitor::mutex mutex;
        std::int64_t locked = 0; // guarded by mutex
        auto const took = together<Competitor>(tasks, n, [&](std::int64_t rounds) {
            for (std::int64_t i = 0; i < rounds; ++i) {
                std::lock_guard lock(mutex);
                ++locked;
            }
        });
        verify(locked == (n + tasks - 1) / tasks * tasks, "no increment under the lock was lost");
        return took;
    });
}

} // namespace perf
