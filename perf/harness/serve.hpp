// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The command line of every program that measures something:
//   program NAME COUNT PROCESSORS [OPTION...]   measures once, and writes a record (record.hpp)
//   program version                             writes one line: what it is
// COUNT 0 lets the workload choose, PROCESSORS 0 the environment. The options are --quick, --dir and --word,
// of parse(); a program in another language may ignore them.
#pragma once

#include "perf/harness/record.hpp"

#include <functional>
#include <string>
#include <vector>

namespace perf {

struct service {
    struct entry {
        std::string_view name;
        std::function<outcome(std::int64_t count, job const&)> measure;
    };
    std::string version;
    void (*use)(unsigned processors); // called first, if there is a number
    unsigned (*processors)();         // how many it got where the environment chose; null: not known
    std::vector<entry> entries;
};

// Is the whole of main.
int serve(int argc, char** argv, service const&);

// In the parent: runs one such program. A sample is broken if the program ends badly, whatever it has
// written.
sample measure_in(std::string const& program, std::string_view name, std::int64_t count, unsigned processors,
                  std::chrono::seconds limit, job const& = {});

} // namespace perf
