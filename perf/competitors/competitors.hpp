// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The list of competitors, the columns of the tables in their order. Each is a program that measures
// (serve.hpp).
#pragma once

#include "perf/harness/process.hpp"
#include "perf/workload.hpp"

#include <string>
#include <vector>

namespace perf {

struct competitor {
    std::string name;
    std::string program; // beside this one
    table where;
    std::string package{};          // in Debian and its kin, for the program to be built
    int heavy_runs = 1000;          // at most, of a heavy workload
    std::int64_t heavy_bytes = 256; // of memory for each task of a heavy workload
    std::string version{};          // as the program says; empty: it is not here
};

// Returns the competitors of this table, with their versions.
inline std::vector<competitor> competitors_in(table where) {
    std::vector<competitor> const all{
        {"pthreads", "competitor_pthreads", table::threads},
        {"fibers", "competitor_fibers", table::both},
        {"segmented", "competitor_segmented", table::rivals, "lld"},
        {"Go", "competitor_go", table::rivals, "golang-go"},
        {"Boost.Fiber", "competitor_boost", table::rivals, "libboost-fiber-dev", 1, 10'500},
    };
    std::vector<competitor> some;
    for (auto const& c : all)
        if (shown_in(c.where, where)) {
            some.push_back(c);
            some.back().program = beside_this(c.program);
            some.back().version = first_line_of(some.back().program, {"version"});
        }
    return some;
}

} // namespace perf
