// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/work/ping_pong.hpp"

#include "perf/rivals/fiber.hpp"
#include "perf/rivals/pthread.hpp"

namespace perf {

workload const ping_pong{"ping_pong", "ping-pong, unbuffered channel: a round trip",
                         round_trips<rival::pthreads>, round_trips<rival::fibers>};

} // namespace perf
