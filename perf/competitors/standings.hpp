// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Who takes part, and the table of what they came to: workload by workload, on one processor and on two.
#pragma once

#include "perf/competitors/contest.hpp"
#include "perf/harness/row.hpp"

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace perf {

struct competitor {
    std::string name;
    std::string program;      // beside this one
    std::string package;      // in Debian and its kin, for the program to be built
    int heavy_runs;           // at the most, of a heavy contest
    std::int64_t heavy_bytes; // of memory for each task of one
    std::string version{};    // as the program says; empty: it is not here
};

struct standing {
    contest const* what = nullptr;
    std::int64_t count = 0;
    unsigned processors = 0;
    enum class metric { wall, cpu } shows = metric::wall;
    std::vector<cell> cells{}; // one for each competitor

    void add(std::size_t competitor, sample);
    std::string title() const;
    std::optional<double> ratio(std::size_t competitor) const; // of the medians, to the first competitor's
};

struct standings {
    std::string machine{};
    int runs = 0;
    bool quick = false;
    double others = 0; // part of the CPUs' time that other programs took
    std::vector<competitor> competitors{};
    std::vector<standing> rows{};
};

// The ones for this contest on so many processors: one, or one for each of its metrics.
std::vector<standing> empty_rows(contest const&, bool quick, unsigned processors, std::size_t competitors);

std::vector<std::string> cells(standing const&, std::vector<competitor> const&);
std::string table(standings const&);
void write_json(std::ostream&, standings const&);

} // namespace perf
