// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The result as a machine reads it: every sample, and what the table leaves out.
#pragma once

#include "perf/harness/row.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace perf {

struct report {
    std::string machine;
    unsigned processors = 0; // that the fibers ran on
    int runs = 0;
    double others = 0; // part of the CPUs' time that other programs took
    std::vector<row> rows{};
};

void write_json(std::ostream&, report const&, job const&);

} // namespace perf
