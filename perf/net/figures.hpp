// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What one measurement of one server says, and in which order a record's list has it.
#pragma once

#include <vector>

namespace perf::net {

struct figures {
    double rate = 0;                   // requests a second
    double p50 = 0, p99 = 0, p999 = 0; // ns
    double cpu = 0;                    // ns of the server a request
    double busy = 0;                   // part of the time for which the server's CPU worked for it
};

inline std::vector<double> list_of(figures const& f) { return {f.rate, f.p50, f.p99, f.p999, f.cpu, f.busy}; }

// The list has six values.
inline figures figures_of(std::vector<double> const& list) {
    return {list.at(0), list.at(1), list.at(2), list.at(3), list.at(4), list.at(5)};
}

} // namespace perf::net
