// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// CPU time, all threads' user and system: the wall clock mostly shows how long the sleeps are.
#include "perf/work/sleepers.hpp"

#include "perf/rivals/fiber.hpp"
#include "perf/rivals/pthread.hpp"

namespace perf {
namespace {

constexpr std::int64_t wanted = 100'000;

template <class Rival>
outcome cpu_time_of_a_sleep(job const&) {
    auto const all = sleep_at_once<Rival>(affordable(wanted, 8 * 1024));
    return {static_cast<double>(all.cpu.count()) / static_cast<double>(all.parties * std::int64_t(sleeps)),
            all.parties};
}

} // namespace

workload const sleepers{"sleepers", "{} sleepers at once: CPU time a sleep",
                        cpu_time_of_a_sleep<rival::pthreads>, cpu_time_of_a_sleep<rival::fibers>};

} // namespace perf
