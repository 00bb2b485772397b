// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// ./perf/run --net: servers side by side. Beside the rows of rows.hpp:
//   idle     what 10,000 connections cost while nothing comes
//   beside   what yields and channels cost beside 1,000 such connections
#pragma once

#include "perf/harness/options.hpp"
#include "perf/harness/serve.hpp"
#include "perf/net/measure.hpp"

#include <string>
#include <vector>

namespace perf::net {

// Prints the tables, and returns the exit status.
int table(options const&);

// The two further tables, as text. They may say that this machine does not allow them. A server that fails is
// left out, and `broken` is set.
std::string idle_table(std::vector<server> const&, pair_of_cpus, bool quick, bool& broken);
std::string beside_table(pair_of_cpus, int pairs, bool& broken);

std::vector<service::entry> beside_entries();

// A goal as the tables show it.
struct shown_goal {
    std::string what, asked, found;
    bool reached;
};
std::string text_of(std::vector<shown_goal> const&);

} // namespace perf::net
