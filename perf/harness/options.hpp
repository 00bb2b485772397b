// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The command line of the table program. perf/run --help describes it.
#pragma once

#include "perf/workload.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace perf {

struct options {
    job work{};
    int runs = 5;
    std::string json{};              // file; empty: none
    std::vector<std::string> only{}; // rows by name; empty: all
    std::string rival{};             // not empty: this is a child, and measures the one row in `only` for it
};

// Ends the process with status 2 and one line on standard error if the command line is not right.
options parse(int argc, char** argv);

[[noreturn]] void usage_error(std::string const& what);

// Those of all that --only names, in its order; all if it names none.
template <class Named>
std::vector<Named const*> chosen(std::vector<Named const*> const& all,
                                 std::vector<std::string> const& names) {
    if (names.empty())
        return all;
    std::vector<Named const*> some;
    for (auto const& name : names) {
        auto const found = std::find_if(all.begin(), all.end(), [&](auto* w) { return w->name == name; });
        if (found == all.end()) {
            std::string known;
            for (auto* w : all)
                known.append(" ").append(w->name);
            usage_error("--only: no workload '" + name + "'; there are" + known);
        }
        some.push_back(*found);
    }
    return some;
}

} // namespace perf
