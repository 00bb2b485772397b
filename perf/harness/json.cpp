// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/json.hpp"

#include "perf/harness/options.hpp"

#include <array>
#include <cstdio>
#include <ostream>
#include <stdexcept>
#include <utility>

namespace perf {

std::ostream& operator<<(std::ostream& out, quoted q) {
    out << '"';
    for (char const c : q.text) {
        if (c == '"' || c == '\\') {
            out << '\\' << c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            std::array<char, 8> escape{};
            std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
            out << escape.data();
        } else {
            out << c;
        }
    }
    return out << '"';
}

std::ostream& operator<<(std::ostream& out, cell const& c) {
    out << "{\"tasks\": " << c.tasks;
    if (auto const s = c.summary())
        out << ", \"median\": " << s->median << ", \"min\": " << s->least << ", \"max\": " << s->most
            << ", \"mad\": " << s->mad;
    else
        out << ", \"broken\": " << (c.broken ? "true" : "false") << ", \"why\": " << quoted{c.why};
    out << ", \"samples\": [";
    for (auto const* separator = ""; double const v : c.samples) {
        out << separator << v;
        separator = ", ";
    }
    return out << "]}";
}

void write_json(std::ostream& out, report const& all, job const& j) {
    out << "{\n  \"machine\": " << quoted{all.machine} << ",\n  \"processors\": " << all.processors
        << ",\n  \"runs\": " << all.runs << ",\n  \"others\": " << all.others
        << ",\n  \"quick\": " << (j.quick ? "true" : "false") << ",\n  \"dir\": " << quoted{j.dir.native()}
        << ",\n  \"word\": " << quoted{j.word} << ",\n  \"rows\": [";
    for (auto const* separator = "\n"; auto const& r : all.rows) {
        out << separator << "    {\"name\": " << quoted{r.what->name} << ", \"title\": " << quoted{r.title()}
            << ", \"unit\": \"" << (r.what->measures == quantity::memory ? "bytes" : "ns")
            << "\",\n     \"pthreads\": " << r.pthreads << ",\n     \"fibers\": " << r.fibers
            << ",\n     \"ratio\": ";
        if (auto const ratio = r.ratio())
            out << *ratio << "}";
        else
            out << "null}";
        separator = ",\n";
    }
    out << "\n  ]\n}\n";
}

json_file::json_file(std::string name) : name_(std::move(name)) {
    if (name_.empty())
        return;
    out_.open(name_);
    if (!out_)
        usage_error("--json: cannot write '" + name_ + "'");
    out_.precision(9);
}

void json_file::close() {
    out_.close();
    if (!out_)
        throw std::runtime_error("cannot write " + name_);
}

} // namespace perf
