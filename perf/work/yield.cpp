// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a scheduled yield cost, with four parties on each CPU, so that each one really switches?
#include "perf/harness/machine.hpp"
#include "perf/parties.hpp"
#include "perf/rivals/fiber.hpp"
#include "perf/rivals/pthread.hpp"

namespace perf {
namespace {

template <class Rival>
nanoseconds yield_in_turns(std::int64_t n) {
    return Rival::run([n] {
        return together<Rival>(4 * cpus(), n, [](std::int64_t rounds) {
            for (std::int64_t i = 0; i < rounds; ++i)
                Rival::yield();
        });
    });
}

} // namespace

workload const yield{"yield", "yield, four parties a CPU", yield_in_turns<rival::pthreads>,
                     yield_in_turns<rival::fibers>};

} // namespace perf
