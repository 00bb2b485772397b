// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/competitors/standings.hpp"

#include "perf/harness/format.hpp"
#include "perf/harness/table.hpp"

#include <algorithm>

namespace perf {
namespace {

constexpr std::string_view nothing = "–";

unit unit_of(standing const& s) {
    std::optional<double> least;
    for (auto const& c : s.cells)
        if (auto const found = c.summary())
            least = std::min(least.value_or(found->median), found->median);
    return time_unit(least.value_or(0));
}

} // namespace

void standing::add(std::size_t competitor, sample s) {
    if (shows == metric::cpu)
        s.found.value = s.found.cpu;
    if (what->value == contest::shows::wall_of_each)
        s.found.value /= static_cast<double>(count);
    cells[competitor].add(s);
}

std::string standing::title() const {
    std::string text(what->title);
    if (auto const at = text.find("{}"); at != text.npos)
        text.replace(at, 2, grouped(count));
    if (what->value == contest::shows::wall_and_cpu_of_all)
        text += shows == metric::cpu ? ": CPU time" : ": wall time";
    return text;
}

std::optional<double> standing::ratio(std::size_t competitor) const {
    auto const its = cells[competitor].summary(), ours = cells[0].summary();
    if (!its || !ours || ours->median <= 0)
        return std::nullopt;
    return its->median / ours->median;
}

std::vector<standing> empty_rows(contest const& c, bool quick, unsigned processors, std::size_t competitors) {
    standing row{.what = &c,
                 .count = quick ? c.quick_count : c.count,
                 .processors = processors,
                 .cells = std::vector<cell>(competitors)};
    std::vector<standing> rows{row};
    if (c.value == contest::shows::wall_and_cpu_of_all) {
        row.shows = standing::metric::cpu;
        rows.push_back(row);
    }
    return rows;
}

std::vector<std::string> cells(standing const& s, std::vector<competitor> const& competitors) {
    std::vector<std::string> texts{s.title(), std::to_string(s.processors)};
    auto const u = unit_of(s);
    for (std::size_t i = 0; i < competitors.size(); ++i)
        texts.push_back(competitors[i].version.empty() ? std::string(nothing) : text_of(s.cells[i], u, 0));
    for (std::size_t i = 1; i < competitors.size(); ++i) {
        auto const ratio = s.ratio(i);
        texts.push_back(ratio ? times(*ratio) : std::string(nothing));
    }
    return texts;
}

std::string table(standings const& all) {
    std::vector<std::string> head{"workload", "processors"};
    for (auto const& c : all.competitors)
        head.push_back(c.name);
    for (std::size_t i = 1; i < all.competitors.size(); ++i)
        head.push_back("ratio " + all.competitors[i].name);
    std::vector<std::vector<std::string>> lines{head};
    for (auto const& row : all.rows)
        lines.push_back(cells(row, all.competitors));
    return aligned(lines);
}

} // namespace perf
