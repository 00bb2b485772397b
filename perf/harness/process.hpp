// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// A program run as a child with a deadline.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace perf {

struct child_result {
    std::string output;    // of standard output
    std::string complaint; // "signal 11 (Segmentation fault)"; empty: it ended with status 0
};

inline constexpr char const* this_program = "/proc/self/exe";
// Returns the path of a program in the same folder.
std::string beside_this(std::string const& program);
// Returns true if the shell would find this program.
bool is_in_path(std::string const& program);

child_result run_program(std::string const& program, std::vector<std::string> const& arguments,
                         std::chrono::seconds limit);

// Returns the first line that the program writes; empty if it is not there.
std::string first_line_of(std::string const& program, std::vector<std::string> const& arguments);

// In the child: ends the process when the parent ends.
void die_with_parent();

} // namespace perf
