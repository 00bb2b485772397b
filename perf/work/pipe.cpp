// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/work/pipe.hpp"

#include "perf/rivals/fiber.hpp"
#include "perf/rivals/pthread.hpp"

namespace perf {

workload const pipe{"pipe", "producer to consumer, buffer of 128: an item",
                    produce_and_consume<rival::pthreads>, produce_and_consume<rival::fibers>};

} // namespace perf
