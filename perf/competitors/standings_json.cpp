// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/competitors/standings.hpp"
#include "perf/harness/json.hpp"

#include <ostream>

namespace perf {
namespace {

void write_row(std::ostream& out, standing const& s, std::vector<competitor> const& competitors) {
    out << "    {\"name\": " << quoted{s.what->name} << ", \"title\": " << quoted{s.title()}
        << ", \"metric\": \"" << (s.shows == standing::metric::cpu ? "cpu" : "wall")
        << "\", \"unit\": \"ns\", \"count\": " << s.count << ", \"processors\": " << s.processors;
    for (std::size_t i = 0; i < competitors.size(); ++i) {
        out << ",\n     " << quoted{competitors[i].name} << ": ";
        if (competitors[i].version.empty())
            out << "null";
        else
            out << s.cells[i];
    }
    out << "}";
}

} // namespace

void write_json(std::ostream& out, standings const& all) {
    out << "{\n  \"machine\": " << quoted{all.machine} << ",\n  \"runs\": " << all.runs
        << ",\n  \"quick\": " << (all.quick ? "true" : "false") << ",\n  \"others\": " << all.others
        << ",\n  \"versions\": {";
    for (auto const* separator = ""; auto const& c : all.competitors) {
        out << separator << quoted{c.name} << ": ";
        if (c.version.empty())
            out << "null";
        else
            out << quoted{c.version};
        separator = ", ";
    }
    out << "},\n  \"rows\": [";
    for (auto const* separator = "\n"; auto const& row : all.rows) {
        out << separator;
        write_row(out, row, all.competitors);
        separator = ",\n";
    }
    out << "\n  ]\n}\n";
}

} // namespace perf
