// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Programs that ask something of fibers alone, a fresh process for each measurement:
//   program [--quick]              starts itself, or one beside it, for each line of its table, and prints it
//   program --child NAME COUNT     measures one, and leaves a record
#pragma once

#include "perf/harness/options.hpp"
#include "perf/harness/process.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

namespace perf::standalone {

inline sample in_child(std::string_view name, std::int64_t count, std::chrono::seconds limit,
                       std::string const& program = this_program) {
    return sample_of(program, {"--child", std::string(name), std::to_string(count)}, limit);
}

// child(name, count) is an outcome; table(quick) prints and is the exit status.
template <class Child, class Table>
int start(int argc, char** argv, Child child, Table table) {
    try {
        if (argc == 4 && std::string_view(argv[1]) == "--child") {
            die_with_parent();
            report_and_exit(child(std::string_view(argv[2]), std::stoll(argv[3])));
        }
        return table(parse(argc, argv).work.quick);
    } catch (std::exception const& e) {
        std::fprintf(stderr, "perf/run: %s\n", e.what());
        return EXIT_FAILURE;
    }
}

} // namespace perf::standalone
