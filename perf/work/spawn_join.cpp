// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/work/spawn_join.hpp"

#include "perf/competitors/fiber.hpp"
#include "perf/competitors/pthread.hpp"

namespace perf {

workload const spawn_join{"spawn_join", "start one and join it", start_and_join<competitors::pthreads>,
                          start_and_join<competitors::fibers>};

} // namespace perf
