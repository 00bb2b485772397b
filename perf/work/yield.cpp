// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/work/yield.hpp"

#include "perf/harness/machine.hpp"
#include "perf/rivals/fiber.hpp"
#include "perf/rivals/pthread.hpp"

namespace perf {
namespace {

template <class Rival>
nanoseconds yield_four_a_cpu(std::int64_t n) {
    return yield_in_turns<Rival>(4 * cpus(), n);
}

} // namespace

workload const yield{"yield", "yield, four parties a CPU", yield_four_a_cpu<rival::pthreads>,
                     yield_four_a_cpu<rival::fibers>};

} // namespace perf
