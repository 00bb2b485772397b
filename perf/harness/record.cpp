// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/record.hpp"

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace perf {
namespace {

[[noreturn]] void exit_now(int status) {
    std::fflush(nullptr);
    std::_Exit(status);
}

} // namespace

void report_and_exit(outcome const& found, unsigned processors) {
    if (processors != 0)
        std::printf("processors %u\n", processors);
    std::printf("tasks %lld\ncpu %.17g\n", static_cast<long long>(found.tasks), found.cpu);
    if (!found.list.empty()) {
        std::printf("list");
        for (double const v : found.list)
            std::printf(" %.17g", v);
        std::printf("\n");
    }
    std::printf("value %.17g\n", found.value);
    exit_now(EXIT_SUCCESS);
}

void broken(std::string_view why) {
    std::printf("broken %.*s\n", static_cast<int>(why.size()), why.data());
    exit_now(EXIT_FAILURE);
}

void verify(bool right, std::string_view what) {
    if (!right)
        broken("not true: " + std::string(what));
}

void cannot(std::string_view why, std::int64_t tasks) {
    std::printf("tasks %lld\nimpossible %.*s\n", static_cast<long long>(tasks), static_cast<int>(why.size()),
                why.data());
    exit_now(EXIT_SUCCESS);
}

sample read_record(std::string const& text) {
    sample s;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream in(line);
        std::string key;
        in >> key >> std::ws;
        if (key == "tasks") {
            in >> s.found.tasks;
        } else if (key == "processors") {
            in >> s.processors;
        } else if (key == "cpu") {
            in >> s.found.cpu;
        } else if (key == "list") {
            for (double v = 0; in >> v;)
                s.found.list.push_back(v);
        } else if (key == "value") {
            in >> s.found.value;
            s.ended = sample::status::measured;
        } else {
            std::getline(in, s.why);
            s.ended = key == "impossible" ? sample::status::impossible : sample::status::broken;
        }
    }
    return s;
}

} // namespace perf
