// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/work/spawn_many.hpp"

#include "perf/competitors/fiber.hpp"
#include "perf/competitors/pthread.hpp"

namespace perf {
namespace {

template <class Competitor>
nanoseconds start_ten_thousand_then_join(std::int64_t n) {
    return start_many_then_join<Competitor>(n, 10'000);
}

} // namespace

workload const spawn_many{"spawn_many", "start 10,000, then join them: each",
                          start_ten_thousand_then_join<competitors::pthreads>,
                          start_ten_thousand_then_join<competitors::fibers>};

} // namespace perf
