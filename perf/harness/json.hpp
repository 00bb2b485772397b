// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The result as a machine reads it: every sample, and what the table leaves out.
#pragma once

#include "perf/harness/row.hpp"

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace perf {

struct report {
    std::string machine;
    unsigned processors = 0; // that the fibers ran on
    int runs = 0;
    double others = 0; // part of the CPUs' time that other programs took
    std::vector<row> rows{};
};

void write_json(std::ostream&, report const&, job const&);

// The parts of it that other tables share.
struct quoted {
    std::string_view text;
};
std::ostream& operator<<(std::ostream&, quoted);
std::ostream& operator<<(std::ostream&, cell const&);

// Where --json goes: opened before anything is measured, closed after the last write. Null if not asked for.
class json_file {
public:
    explicit json_file(std::string name); // ends the process with status 2 if it cannot be written
    explicit operator bool() const { return out_.is_open(); }
    std::ostream& stream() { return out_; }
    void close(); // throws std::runtime_error

private:
    std::string const name_;
    std::ofstream out_{};
};

} // namespace perf
