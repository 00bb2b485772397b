// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/results.hpp"

#include <nlohmann/json.hpp>

#include <ostream>

namespace perf {
namespace {

using json = nlohmann::ordered_json;

json json_of(cell const& c) {
    json j{{"tasks", c.tasks}};
    if (auto const s = c.summary())
        j.update({{"median", s->median}, {"min", s->min}, {"max", s->max}, {"mad", s->mad}});
    else
        j.update({{"broken", c.broken}, {"why", c.why}});
    j["samples"] = c.samples;
    return j;
}

json json_of(row const& r, results const& all) {
    json j{{"name", r.what->name},
           {"title", r.title()},
           {"metric", r.shows_cpu || r.what->value == shows::cpu_of_each ? "cpu" : "wall"},
           {"unit", r.what->value == shows::bytes_of_each ? "bytes" : "ns"},
           {"count", r.count},
           {"processors", r.processors}};
    for (std::size_t i = 0; i < r.cells.size(); ++i)
        j[all.competitors[i].name] = all.competitors[i].version.empty() ? json() : json_of(r.cells[i]);
    if (r.cells.size() == 2) {
        auto const ratio = r.cells[1 - all.reference()].ratio_to(r.cells[all.reference()]);
        j["ratio"] = ratio ? json(*ratio) : json();
    }
    return j;
}

} // namespace

void write_json(std::ostream& out, results const& all, options const& o) {
    json j{{"machine", all.machine},   {"processors", all.processors}, {"runs", o.runs},
           {"others", all.background}, {"quick", o.work.quick},        {"dir", o.work.dir.native()},
           {"word", o.work.word}};
    for (auto const& c : all.competitors)
        j["versions"][c.name] = c.version.empty() ? json() : json(c.version);
    for (auto const& r : all.rows)
        j["rows"].push_back(json_of(r, all));
    out << j.dump(1) << '\n';
}

} // namespace perf
