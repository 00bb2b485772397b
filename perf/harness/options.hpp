// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The command line of the table program. perf/run --help describes it.
#pragma once

#include "perf/workload.hpp"

#include <string>
#include <vector>

namespace perf {

struct options {
    job work{};
    int runs = 5;
    std::string json{};              // file; empty: none
    std::vector<std::string> only{}; // rows by name; empty: all
    std::string rival{};             // not empty: this is a child, and measures the one row in `only` for it
};

// Ends the process with status 2 and one line on standard error if the command line is not right.
options parse(int argc, char** argv);

[[noreturn]] void usage_error(std::string const& what);

} // namespace perf
