// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/work/skynet.hpp"

#include "perf/rivals/fiber.hpp"
#include "perf/rivals/pthread.hpp"

namespace perf {
namespace {

template <class Rival>
outcome grow_a_million(job const&) {
    return grow_a_tree<Rival>(1'000'000);
}

} // namespace

workload const skynet{"skynet", "skynet, a million leaves", grow_a_million<rival::pthreads>,
                      grow_a_million<rival::fibers>};

} // namespace perf
