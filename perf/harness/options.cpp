// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/options.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <sstream>

namespace perf {
namespace {

int positive(std::string const& text) {
    int n = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc{} || end != text.data() + text.size() || n < 1 || n > 1000)
        usage_error("--runs wants a number from 1 to 1000, not '" + text + "'");
    return n;
}

std::vector<std::string> split(std::string const& text) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, ',');)
        parts.push_back(part);
    return parts;
}

struct value_option {
    std::string_view name;
    std::vector<std::string_view> tables; // that have it, besides the one beside pthreads
    void (*set)(options&, std::string const& value);
};

value_option const with_value[] = {
    {"runs", {"rivals", "net"}, [](options& o, std::string const& v) { o.runs = positive(v); }},
    {"only", {"rivals", "net"}, [](options& o, std::string const& v) { o.only = split(v); }},
    {"json", {"rivals"}, [](options& o, std::string const& v) { o.json = v; }},
    {"dir", {}, [](options& o, std::string const& v) { o.work.dir = v; }},
    {"word", {}, [](options& o, std::string const& v) { o.work.word = v; }},
};

constexpr std::string_view tables[] = {"rivals",  "curve",  "idle",       "blocked",
                                       "latency", "stacks", "starvation", "net"};

} // namespace

void usage_error(std::string const& what) {
    std::fprintf(stderr, "perf/run: %s (see perf/run --help)\n", what.c_str());
    std::exit(2);
}

options parse(int argc, char** argv) {
    options o;
    o.runs = 0;
    std::vector<value_option const*> given;
    for (int i = 1; i < argc; ++i) {
        std::string const argument = argv[i];
        if (!argument.starts_with("--"))
            usage_error("unexpected argument " + argument);
        auto const equals = argument.find('=');
        auto const name = argument.substr(2, equals - 2);
        auto const* const known = std::ranges::find(with_value, name, &value_option::name);
        if (known != std::end(with_value)) {
            if (equals == argument.npos && ++i == argc)
                usage_error(argument + " wants a value");
            known->set(o, equals == argument.npos ? argv[i] : argument.substr(equals + 1));
            given.push_back(known);
        } else if (argument == "--quick") {
            o.work.quick = true;
        } else if (argument == "--micro") {
            usage_error("--micro goes with no other option; those of Google Benchmark come after --");
        } else if (equals == argument.npos && std::ranges::find(tables, name) != std::end(tables)) {
            if (!o.what.empty())
                usage_error("--" + o.what + " and " + argument + " do not go together");
            o.what = name;
        } else {
            usage_error("unknown option " + argument);
        }
    }
    for (auto const* g : given)
        if (!o.what.empty() && std::ranges::find(g->tables, o.what) == g->tables.end())
            usage_error("--" + std::string(g->name) + " does not go with --" + o.what);
    if (o.work.word.empty())
        usage_error("--word must not be empty");
    if (o.runs == 0)
        o.runs = o.what == "net" ? (o.work.quick ? 2 : 7) : o.work.quick ? 3 : 5;
    return o;
}

} // namespace perf
