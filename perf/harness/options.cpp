// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/options.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include <getopt.h>

namespace perf {
namespace {

constexpr int quick_runs = 3;

int positive(std::string_view text, std::string const& option) {
    int n = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc{} || end != text.data() + text.size() || n < 1 || n > 1000)
        usage_error(option + " wants a number from 1 to 1000, not '" + std::string(text) + "'");
    return n;
}

std::vector<std::string> split(std::string const& text) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, ',');)
        parts.push_back(part);
    return parts;
}

// Not every table has every option.
void check_pair(std::string const& table, std::string const& option) {
    bool const fits = option == "quick" || table.empty() ||
                      (table == "rivals" && (option == "runs" || option == "only" || option == "json"));
    if (!fits)
        usage_error("--" + option + " does not go with --" + table);
}

} // namespace

void usage_error(std::string const& what) {
    std::fprintf(stderr, "perf/run: %s (see perf/run --help)\n", what.c_str());
    std::exit(2);
}

options parse(int argc, char** argv) {
    enum kind : int { quick, runs, json, dir, word, only, micro, table };
    constexpr option known[] = {{"quick", no_argument, nullptr, quick},
                                {"runs", required_argument, nullptr, runs},
                                {"json", required_argument, nullptr, json},
                                {"dir", required_argument, nullptr, dir},
                                {"word", required_argument, nullptr, word},
                                {"only", required_argument, nullptr, only},
                                {"rivals", no_argument, nullptr, table},
                                {"curve", no_argument, nullptr, table},
                                {"idle", no_argument, nullptr, table},
                                {"blocked", no_argument, nullptr, table},
                                {"latency", no_argument, nullptr, table},
                                {"stacks", no_argument, nullptr, table},
                                {"starvation", no_argument, nullptr, table},
                                {"micro", no_argument, nullptr, micro},
                                {nullptr, 0, nullptr, 0}};
    options o;
    bool runs_given = false;
    std::vector<std::string> given;
    opterr = 0;
    int at = 0;
    for (int c; (c = getopt_long(argc, argv, "+:", known, &at)) != -1;) {
        switch (c) {
        case quick:
            o.work.quick = true;
            break;
        case runs:
            o.runs = positive(optarg, "--runs"), runs_given = true;
            break;
        case json:
            o.json = optarg;
            break;
        case dir:
            o.work.dir = optarg;
            break;
        case word:
            o.work.word = optarg;
            break;
        case only:
            o.only = split(optarg);
            break;
        case table:
            if (!o.what.empty())
                usage_error("--" + o.what + " and --" + known[at].name + " do not go together");
            o.what = known[at].name;
            continue;
        case micro:
            usage_error("--micro goes with no other option; those of Google Benchmark come after --");
        case ':':
            usage_error(std::string(argv[optind - 1]) + " wants a value");
        default:
            usage_error(std::string("unknown option ") + argv[optind - 1]);
        }
        given.emplace_back(known[at].name);
    }
    if (optind < argc)
        usage_error(std::string("unexpected argument ") + argv[optind]);
    for (auto const& option : given)
        check_pair(o.what, option);
    if (o.work.word.empty())
        usage_error("--word must not be empty");
    if (o.work.quick && !runs_given)
        o.runs = quick_runs;
    return o;
}

} // namespace perf
