// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The rows of a table, as text and as JSON.
#pragma once

#include "perf/competitors/competitors.hpp"
#include "perf/harness/cell.hpp"
#include "perf/harness/options.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace perf {

struct row {
    workload_spec const* what;
    std::int64_t count;      // 0: as each program chooses
    unsigned processors;     // 0: all
    bool shows_cpu;          // time_and_cpu_of_all has two rows, the second one for CPU time
    std::vector<cell> cells; // one for each competitor

    void add(std::size_t competitor, sample const&);
    std::string title() const;
};

struct results {
    table which;
    std::string machine;
    std::vector<competitor> competitors;
    unsigned processors = 0; // that the fibers ran on, where the environment chose
    double background = 0;   // part of the CPUs' time that other processes took
    std::vector<row> rows{};

    // The column to which all others are compared.
    std::size_t reference() const;
};

// Returns the title, the processors if they are fixed, a value for each competitor, and the ratios.
std::vector<std::string> cells_of(row const&, results const&);

std::string text_of(results const&);
void write_json(std::ostream&, results const&, options const&);

} // namespace perf
