// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/work/pipe.hpp"

#include "perf/competitors/fiber.hpp"
#include "perf/competitors/pthread.hpp"

namespace perf {

workload const pipe{"pipe", "producer to consumer, buffer of 128: an item",
                    produce_and_consume<competitors::pthreads>, produce_and_consume<competitors::fibers>};

} // namespace perf
