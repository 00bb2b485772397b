// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/work/ping_pong.hpp"

#include "perf/competitors/fiber.hpp"
#include "perf/competitors/pthread.hpp"

namespace perf {

workload const ping_pong{"ping_pong", "ping-pong, unbuffered channel: a round trip",
                         round_trips<competitors::pthreads>, round_trips<competitors::fibers>};

} // namespace perf
