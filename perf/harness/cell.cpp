// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/cell.hpp"

#include <algorithm>
#include <cmath>

namespace perf {

double median_of(std::vector<double> v) {
    std::sort(v.begin(), v.end());
    return (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2;
}

void cell::add(sample const& s, double value) {
    tasks = samples.empty() ? s.found.tasks : std::min(tasks, s.found.tasks);
    if (s.ended == sample::status::measured)
        samples.push_back(value);
    else
        why = s.why;
    broken = broken || s.ended == sample::status::broken;
}

std::optional<statistics> cell::summary() const {
    if (samples.empty() || !why.empty())
        return std::nullopt;
    auto const [min, max] = std::minmax_element(samples.begin(), samples.end());
    auto const middle = median_of(samples);
    std::vector<double> distances;
    for (double const s : samples)
        distances.push_back(std::abs(s - middle));
    return statistics{middle, *min, *max, median_of(distances)};
}

std::optional<double> cell::ratio_to(cell const& reference) const {
    auto const mine = summary(), its = reference.summary();
    if (!mine || !its || its->median <= 0)
        return std::nullopt;
    return mine->median / its->median;
}

std::string cell::text(unit const& u, std::int64_t wanted) const {
    if (broken)
        return "BROKEN";
    auto const s = summary();
    if (!s)
        return tasks == 0 ? why : why + " " + grouped(tasks);
    auto const value = in_unit(s->median, u);
    return tasks != 0 && tasks < wanted ? "with " + grouped(tasks) + ": " + value : value;
}

} // namespace perf
