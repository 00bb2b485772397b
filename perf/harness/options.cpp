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

} // namespace

void usage_error(std::string const& what) {
    std::fprintf(stderr, "perf/run: %s (see perf/run --help)\n", what.c_str());
    std::exit(2);
}

options parse(int argc, char** argv) {
    constexpr option known[] = {
        {"quick", no_argument, nullptr, 'q'},       {"runs", required_argument, nullptr, 'r'},
        {"json", required_argument, nullptr, 'j'},  {"dir", required_argument, nullptr, 'd'},
        {"word", required_argument, nullptr, 'w'},  {"only", required_argument, nullptr, 'o'},
        {"child", required_argument, nullptr, 'c'}, {nullptr, 0, nullptr, 0}};
    options o;
    bool runs_given = false;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "+:", known, nullptr)) != -1;) {
        switch (c) {
        case 'q':
            o.work.quick = true;
            break;
        case 'r':
            o.runs = positive(optarg, "--runs"), runs_given = true;
            break;
        case 'j':
            o.json = optarg;
            break;
        case 'd':
            o.work.dir = optarg;
            break;
        case 'w':
            o.work.word = optarg;
            break;
        case 'o':
            o.only = split(optarg);
            break;
        case 'c':
            o.rival = optarg;
            break;
        case ':':
            usage_error(std::string(argv[optind - 1]) + " wants a value");
        default:
            usage_error(std::string("unknown option ") + argv[optind - 1]);
        }
    }
    if (optind < argc)
        usage_error(std::string("unexpected argument ") + argv[optind]);
    if (o.work.word.empty())
        usage_error("--word must not be empty");
    if (o.work.quick && !runs_given)
        o.runs = quick_runs;
    return o;
}

} // namespace perf
