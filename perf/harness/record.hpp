// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How a child tells its parent what it has measured: lines of "key value" on its standard output. Programs in
// all languages write the same.
//   value 123        nanoseconds, or bytes
//   cpu 123          nanoseconds of CPU time, user and system
//   tasks 123        how many took part, where that may be fewer than wanted
//   processors 2     that the fibers ran on
//   list 1 2 3       further values, where a table wants more than one
//   impossible why   instead of a value: this competitor or this machine cannot do it
//   broken why       instead of a value: the result was wrong
#pragma once

#include "perf/workload.hpp"

#include <string>

namespace perf {

struct sample {
    enum class status { measured, impossible, broken };
    status ended = status::broken;
    outcome found{};         // impossible: found.tasks is where it ended
    unsigned processors = 0; // that the fibers ran on
    std::string why{};       // impossible, broken: one line
};

// In the child: writes the record and ends the process, without a wait for threads and fibers that still run.
[[noreturn]] void report_and_exit(outcome const&, unsigned processors = 0);
[[noreturn]] void broken(std::string_view why);

// In the parent: reads what a child has written. The sample is broken, without a reason, if there is no
// result.
sample read_record(std::string const& text);

} // namespace perf
