// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/work/skynet.hpp"

#include "perf/competitors/fiber.hpp"
#include "perf/competitors/pthread.hpp"

namespace perf {
namespace {

template <class Competitor>
outcome grow_a_million(job const&) {
    return grow_a_tree<Competitor>(1'000'000);
}

} // namespace

workload const skynet{"skynet", "skynet, a million leaves", grow_a_million<competitors::pthreads>,
                      grow_a_million<competitors::fibers>};

} // namespace perf
