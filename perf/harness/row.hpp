// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What the samples of one workload say.
#pragma once

#include "perf/harness/record.hpp"
#include "perf/workload.hpp"

#include <optional>
#include <string>
#include <vector>

namespace perf {

struct statistics {
    double median = 0, least = 0, most = 0;
    double mad = 0; // median of the distances from the median: half of the samples are nearer
};

// One rival's part of a row.
struct cell {
    std::vector<double> samples{};
    std::int64_t tasks = 0; // least of all samples
    std::string why{};      // no value: why not
    bool broken = false;    // a wrong answer, a crash, a hang

    void add(sample const&);
    std::optional<statistics> summary() const;
};

struct row {
    workload const* what = nullptr;
    cell pthreads{}, fibers{};

    std::string title() const;
    std::optional<double> ratio() const; // of the medians, pthreads to fibers
};

} // namespace perf
