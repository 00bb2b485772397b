// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The result as a person reads it: one aligned table.
#pragma once

#include "perf/harness/row.hpp"

#include <array>
#include <string>
#include <vector>

namespace perf {

// title, pthreads, fibers, ratio: the three values in one unit
std::array<std::string, 4> cells(row const&);

std::string table(std::vector<row> const&);

} // namespace perf
