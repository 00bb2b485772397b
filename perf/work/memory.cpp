// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How much memory does a parked task take: resident and page tables, of a process that has just started a
// million?
#include "perf/competitors/fiber.hpp"
#include "perf/competitors/pthread.hpp"
#include "perf/harness/machine.hpp"
#include "perf/work/park_all.hpp"

namespace perf {
namespace {

constexpr std::int64_t wanted = 1'000'000;

template <class Competitor>
outcome park_many(job const&) {
    std::int64_t after = 0;
    auto const before = memory_in_use();
    auto const all =
        park_and_wake<Competitor>(affordable(wanted, 8 * 1024), [&] { after = memory_in_use(); });
    return {static_cast<double>(after - before) / static_cast<double>(all.tasks), all.tasks};
}

} // namespace

workload const parked_memory{"memory", "{} parked: memory of each", park_many<competitors::pthreads>,
                             park_many<competitors::fibers>, quantity::memory};

} // namespace perf
