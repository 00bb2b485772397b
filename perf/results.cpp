// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/results.hpp"

#include <algorithm>

namespace perf {
namespace {

constexpr char const* nothing = "–";

unit unit_of(row const& r) {
    if (r.what->value == shows::bytes_of_each)
        return {"B", 1};
    std::optional<double> min;
    for (auto const& c : r.cells)
        if (auto const found = c.summary())
            min = std::min(min.value_or(found->median), found->median);
    return time_unit(min.value_or(0));
}

std::int64_t most_tasks(row const& r) {
    std::int64_t most = 0;
    for (auto const& c : r.cells)
        most = std::max(most, c.tasks);
    return most;
}

double value_of(sample const& s, row const& r) {
    switch (r.what->value) {
    case shows::time_of_each:
        return s.found.value / static_cast<double>(r.count != 0 ? r.count : 1);
    case shows::cpu_of_each:
        return s.found.cpu / static_cast<double>(s.found.tasks * r.what->each);
    default:
        return r.shows_cpu ? s.found.cpu : s.found.value;
    }
}

} // namespace

void row::add(std::size_t competitor, sample const& s) {
    auto const measured = s.ended == sample::status::measured;
    cells[competitor].add(s, measured ? value_of(s, *this) : 0);
}

std::string row::title() const {
    auto const text = with_number(what->title, count != 0 ? count : most_tasks(*this));
    if (what->value == shows::time_and_cpu_of_all)
        return text + (shows_cpu ? ": CPU time" : ": wall time");
    return text;
}

std::size_t results::reference() const {
    auto const fibers = std::find_if(competitors.begin(), competitors.end(),
                                     [](competitor const& c) { return c.name == "fibers"; });
    return static_cast<std::size_t>(fibers - competitors.begin());
}

std::vector<std::string> cells_of(row const& r, results const& all) {
    std::vector<std::string> texts{r.title()};
    if (r.processors != 0)
        texts.push_back(std::to_string(r.processors));
    auto const u = unit_of(r);
    auto const most = most_tasks(r);
    for (std::size_t i = 0; i < r.cells.size(); ++i)
        texts.push_back(all.competitors[i].version.empty() ? nothing : r.cells[i].text(u, most));
    for (std::size_t i = 0; i < r.cells.size(); ++i)
        if (i != all.reference()) {
            auto const ratio = r.cells[i].ratio_to(r.cells[all.reference()]);
            texts.push_back(ratio ? times(*ratio) : nothing);
        }
    return texts;
}

std::string text_of(results const& all) {
    std::vector<std::string> head{"workload"};
    if (all.which == table::rivals)
        head.emplace_back("processors");
    for (auto const& c : all.competitors)
        head.push_back(c.name);
    for (auto const& c : all.competitors)
        if (c.name != all.competitors[all.reference()].name)
            head.push_back(all.competitors.size() == 2 ? "ratio" : "ratio " + c.name);
    std::vector<std::vector<std::string>> lines{head};
    for (auto const& r : all.rows)
        lines.push_back(cells_of(r, all));
    return aligned(lines);
}

} // namespace perf
