// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// One workload measured once for one rival: in a process of its own, so that no memory, thread or cache of an
// earlier run is there to help or to disturb.
#pragma once

#include "perf/workload.hpp"

#include <string_view>

namespace perf {

// In the child: measures, writes the record and ends the process.
[[noreturn]] void measure_and_exit(measurement const&, job const&, std::string_view rival);

} // namespace perf
