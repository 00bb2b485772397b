// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// This program run again, as a child with a deadline.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace perf {

struct child_result {
    std::string output;    // what it wrote to standard output
    std::string complaint; // how it ended, if not well: "signal 11 (Segmentation fault)"; empty: status 0
};

child_result run_self(std::vector<std::string> const& arguments, std::chrono::seconds limit);

// In the child: end when the parent does.
void die_with_parent();

} // namespace perf
