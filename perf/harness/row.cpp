// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/row.hpp"

#include "perf/harness/format.hpp"

#include <algorithm>
#include <cmath>

namespace perf {
namespace {

double median_of(std::vector<double> v) {
    std::sort(v.begin(), v.end());
    return (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2;
}

} // namespace

void cell::add(sample const& s) {
    tasks = samples.empty() ? s.found.tasks : std::min(tasks, s.found.tasks);
    if (s.ended == sample::status::measured)
        samples.push_back(s.found.value);
    else
        why = s.why;
    broken = broken || s.ended == sample::status::broken;
}

std::optional<statistics> cell::summary() const {
    if (samples.empty() || !why.empty())
        return std::nullopt;
    auto const [least, most] = std::minmax_element(samples.begin(), samples.end());
    auto const middle = median_of(samples);
    std::vector<double> distances;
    for (double s : samples)
        distances.push_back(std::abs(s - middle));
    return statistics{middle, *least, *most, median_of(distances)};
}

std::string row::title() const {
    std::string text(what->title);
    if (auto const at = text.find("{}"); at != text.npos)
        text.replace(at, 2, grouped(std::max(pthreads.tasks, fibers.tasks)));
    return text;
}

std::optional<double> row::ratio() const {
    auto const p = pthreads.summary(), f = fibers.summary();
    if (!p || !f || f->median <= 0)
        return std::nullopt;
    return p->median / f->median;
}

} // namespace perf
