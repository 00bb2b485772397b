// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/serve.hpp"

#include "perf/harness/options.hpp"
#include "perf/harness/process.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace perf {

int serve(int argc, char** argv, service const& all) {
    if (argc == 2 && std::string_view(argv[1]) == "version")
        return std::puts(all.version.c_str()) < 0;
    if (argc < 4) {
        std::fprintf(stderr,
                     "usage: %s NAME COUNT PROCESSORS [--quick] [--dir DIR] [--word WORD] | version\n",
                     argv[0]);
        return 2;
    }
    die_with_parent();
    try {
        std::string_view const name = argv[1];
        auto const count = std::stoll(argv[2]);
        auto const processors = static_cast<unsigned>(std::stoul(argv[3]));
        auto const work = parse(argc - 3, argv + 3).work;
        auto const found = std::find_if(all.entries.begin(), all.entries.end(),
                                        [&](service::entry const& e) { return e.name == name; });
        if (found == all.entries.end())
            broken("there is no " + std::string(name));
        if (processors != 0)
            all.use(processors);
        auto const result = found->measure(count, work);
        report_and_exit(result, processors == 0 && all.processors != nullptr ? all.processors() : 0);
    } catch (std::exception const& e) {
        broken(e.what());
    }
}

sample measure_in(std::string const& program, std::string_view name, std::int64_t count, unsigned processors,
                  std::chrono::seconds limit, job const& work) {
    std::vector<std::string> arguments{std::string(name), std::to_string(count), std::to_string(processors),
                                       "--dir",           work.dir.native(),     "--word",
                                       work.word};
    if (work.quick)
        arguments.emplace_back("--quick");
    auto const result = run_program(program, arguments, limit);
    auto s = read_record(result.output);
    if (!result.complaint.empty()) {
        s.why = result.complaint + (s.why.empty() ? "" : ": " + s.why);
        s.ended = sample::status::broken;
    } else if (s.ended == sample::status::broken && s.why.empty()) {
        s.why = "no result";
    }
    return s;
}

} // namespace perf
