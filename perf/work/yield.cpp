// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/work/yield.hpp"

#include "perf/competitors/fiber.hpp"
#include "perf/competitors/pthread.hpp"
#include "perf/harness/machine.hpp"

namespace perf {
namespace {

template <class Competitor>
nanoseconds yield_four_a_cpu(std::int64_t n) {
    return yield_in_turns<Competitor>(4 * cpus(), n);
}

} // namespace

workload const yield{"yield", "yield, four tasks a CPU", yield_four_a_cpu<competitors::pthreads>,
                     yield_four_a_cpu<competitors::fibers>};

} // namespace perf
