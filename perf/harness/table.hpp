// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The result as a person reads it: one row a workload.
#pragma once

#include "perf/harness/format.hpp"
#include "perf/harness/row.hpp"

#include <array>
#include <string>
#include <vector>

namespace perf {

// title, pthreads, fibers, ratio: the three values in one unit
std::array<std::string, 4> cells(row const&);

std::string table(std::vector<row> const&);

// What a cell says, in that unit. A rival that came to fewer tasks than wanted is told so beside its value.
std::string text_of(cell const&, unit const&, std::int64_t tasks);

} // namespace perf
