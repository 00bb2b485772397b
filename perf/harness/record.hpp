// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How a child tells its parent what it found: lines of "key value" on its standard output, the same from every
// competitor, whatever it is written in.
//   value 123        nanoseconds, or bytes
//   cpu 123          nanoseconds of CPU time, user and system, where the workload counts it
//   tasks 123      how many took part, where that may be fewer than wanted
//   processors 2     that the fibers ran on
//   impossible why   instead of a value: this machine cannot do it
//   broken why       instead of a value: the result was wrong
#pragma once

#include "perf/workload.hpp"

#include <string>

namespace perf {

struct sample {
    enum class status { measured, impossible, broken };
    status ended = status::broken;
    outcome found{};         // measured; impossible: found.tasks is where it ended
    unsigned processors = 0; // that the fibers ran on
    std::string why{};       // impossible, broken: one line
};

// In the child: writes the record and ends the process. Threads and fibers that still run are not waited for.
[[noreturn]] void report_and_exit(outcome const&, unsigned processors = 0);
[[noreturn]] void broken(std::string_view why);

// In the parent: what a child has left behind. Without a result: broken, and no word why.
sample read_record(std::string const& text);

} // namespace perf
