// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What the samples of one competitor say in one row of a table.
#pragma once

#include "perf/harness/format.hpp"
#include "perf/harness/record.hpp"

#include <optional>
#include <string>
#include <vector>

namespace perf {

double median_of(std::vector<double>);

struct statistics {
    double median = 0, min = 0, max = 0;
    double mad = 0; // median of the distances from the median
};

struct cell {
    std::vector<double> samples{};
    std::int64_t tasks = 0; // fewest of all samples; 0: not counted
    std::string why{};      // no value: why not
    bool broken = false;    // a wrong result, a crash, a hang

    // `value` is what the row shows of the sample.
    void add(sample const&, double value);
    std::optional<statistics> summary() const;
    std::optional<double> ratio_to(cell const& reference) const; // of the medians

    // What the table shows. If fewer tasks ran than `wanted`, their number stands beside the value.
    std::string text(unit const&, std::int64_t wanted) const;
};

} // namespace perf
