// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How long does a short operation take? Google Benchmark finds how many make a run that is long enough.
#pragma once

#include "perf/workload.hpp"

#include <functional>

namespace perf {

// Returns nanoseconds of one operation. `operations` returns the time that the given number has taken.
outcome repeat(std::function<nanoseconds(std::int64_t)> operations, bool quick);

} // namespace perf
