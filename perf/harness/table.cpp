// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/table.hpp"

#include <algorithm>

namespace perf {
namespace {

unit unit_of(row const& r) {
    if (r.what->measures == quantity::memory)
        return {"B", 1};
    auto const p = r.pthreads.summary(), f = r.fibers.summary();
    if (p && f)
        return time_unit(std::min(p->median, f->median));
    return time_unit(p ? p->median : f ? f->median : 0);
}

} // namespace

std::string text_of(cell const& c, unit const& u, std::int64_t tasks) {
    if (c.broken)
        return "BROKEN";
    auto const s = c.summary();
    if (!s)
        return c.tasks == 0 ? c.why : c.why + " " + grouped(c.tasks);
    auto const value = in_unit(s->median, u);
    return c.tasks < tasks ? "with " + grouped(c.tasks) + ": " + value : value;
}

std::array<std::string, 4> cells(row const& r) {
    auto const u = unit_of(r);
    auto const tasks = std::max(r.pthreads.tasks, r.fibers.tasks);
    auto const ratio = r.ratio();
    return {r.title(), text_of(r.pthreads, u, tasks), text_of(r.fibers, u, tasks),
            ratio ? times(*ratio) : "-"};
}

std::string table(std::vector<row> const& rows) {
    std::vector<std::vector<std::string>> lines{{"workload", "pthreads", "fibers", "ratio"}};
    for (auto const& r : rows) {
        auto const texts = cells(r);
        lines.emplace_back(texts.begin(), texts.end());
    }
    return aligned(lines);
}

} // namespace perf
