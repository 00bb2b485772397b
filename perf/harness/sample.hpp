// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// One workload measured once for one rival: in a process of its own, so that no memory, thread or cache of an
// earlier run is there to help or to disturb. The child writes a record to its standard output, lines of "key
// value"; the parent reads it.
#pragma once

#include "perf/workload.hpp"

#include <string>
#include <string_view>

namespace perf {

struct sample {
    enum class status { measured, impossible, broken };
    status ended = status::broken;
    outcome found{};         // measured; impossible: found.parties is where it ended
    unsigned processors = 0; // that the fibers ran on
    std::string why{};       // impossible, broken: one line
};

// In the child: measures, writes the record and ends the process.
[[noreturn]] void measure_and_exit(measurement const&, job const&, std::string_view rival);

// In the parent: what a child has left behind.
sample read_record(std::string const& text);

} // namespace perf
