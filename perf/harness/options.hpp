// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The command line of perf/run, and the options at the end of a child's. perf/run --help describes it.
#pragma once

#include "perf/workload.hpp"

#include <string>
#include <vector>

namespace perf {

struct options {
    std::string what{}; // "rivals", "curve", …; empty: the table beside pthreads
    job work{};
    int runs = 5;                    // --quick: 3; --net: 7 and 2
    std::string json{};              // file; empty: none
    std::vector<std::string> only{}; // workloads by name; empty: all
};

// Ends the process with status 2 and one line on standard error if the command line is wrong.
options parse(int argc, char** argv);

[[noreturn]] void usage_error(std::string const& what);

} // namespace perf
