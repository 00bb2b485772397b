// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// ./perf/run and ./perf/run --rivals.
#pragma once

#include "perf/harness/options.hpp"

namespace perf {

// Measures, prints the table, writes the JSON. Returns the exit status.
int compare(options const&);

} // namespace perf
