// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// A program run as a child with a deadline.
#pragma once

#include "perf/harness/record.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace perf {

struct child_result {
    std::string output;    // what it wrote to standard output
    std::string complaint; // how it ended, if not well: "signal 11 (Segmentation fault)"; empty: status 0
};

inline constexpr char const* this_program = "/proc/self/exe";
// The path of one in the same folder, if it is there.
std::string beside_this(std::string const& program);

child_result run_program(std::string const& program, std::vector<std::string> const& arguments,
                         std::chrono::seconds limit);

// The same for a child that leaves a record. One that ends badly has broken, whatever it wrote.
sample sample_of(std::string const& program, std::vector<std::string> const& arguments,
                 std::chrono::seconds limit);

// In the child: end when the parent does.
void die_with_parent();

} // namespace perf
