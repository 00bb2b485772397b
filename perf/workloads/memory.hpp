// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How much memory does a parked task take: resident and page tables, of a process that has just started a
// million?
#pragma once

#include "perf/harness/machine.hpp"
#include "perf/workloads/park_all.hpp"

namespace perf {

template <class Competitor>
outcome memory_of_parked(std::int64_t wanted) {
    std::int64_t after = 0;
    auto const before = memory_in_use();
    auto const all =
        park_and_wake<Competitor>(affordable(wanted, 8 * 1024), [&] { after = memory_in_use(); });
    return {.value = static_cast<double>(after - before) / static_cast<double>(all.tasks),
            .tasks = all.tasks};
}

} // namespace perf
