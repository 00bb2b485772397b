// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Questions about fibers alone. Each prints its table and returns the exit status. Each line of it
// is measured in a fresh process, which finds it among the entries.
#pragma once

#include "perf/harness/serve.hpp"

#include <vector>

namespace perf::standalone {

int blocked(job const&);
int curve(job const&);
int idle(job const&);
int latency(job const&); // has no entries: its lines are workloads of the competitors
int stacks(job const&);
int starvation(job const&);

std::vector<service::entry> blocked_entries();
std::vector<service::entry> curve_entries();
std::vector<service::entry> idle_entries();
std::vector<service::entry> stacks_entries();
std::vector<service::entry> starvation_entries();

// An entry for each line, which measures it by measure(line, count).
template <class Lines, class Measure>
std::vector<service::entry> entries_of(Lines const& lines, Measure measure) {
    std::vector<service::entry> all;
    for (auto const& line : lines)
        all.push_back(
            {line.name, [&line, measure](auto count, auto const&) { return measure(line, count); }});
    return all;
}

} // namespace perf::standalone
