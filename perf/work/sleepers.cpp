// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// CPU time, all threads' user and system: the wall clock mostly shows how long the sleeps are.
#include "perf/work/sleepers.hpp"

#include "perf/competitors/fiber.hpp"
#include "perf/competitors/pthread.hpp"

namespace perf {
namespace {

constexpr std::int64_t wanted = 100'000;

template <class Competitor>
outcome cpu_time_of_a_sleep(job const&) {
    auto const all = sleep_at_once<Competitor>(affordable(wanted, 8 * 1024));
    return {static_cast<double>(all.cpu.count()) / static_cast<double>(all.tasks * std::int64_t(sleeps)),
            all.tasks};
}

} // namespace

workload const sleepers{"sleepers", "{} sleepers at once: CPU time a sleep",
                        cpu_time_of_a_sleep<competitors::pthreads>, cpu_time_of_a_sleep<competitors::fibers>};

} // namespace perf
