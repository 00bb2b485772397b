// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/cell.hpp"
#include "perf/harness/format.hpp"
#include "perf/harness/process.hpp"
#include "perf/harness/progress.hpp"
#include "perf/net/other_process.hpp"
#include "perf/net/table.hpp"

#include <cmath>
#include <exception>
#include <thread>

#include <sys/resource.h>

namespace perf::net {
namespace {

constexpr int connections = 10'000;
constexpr int most_bytes = 6'000;           // the goal for fibers
constexpr std::chrono::seconds settling{5}; // until idle stacks have given their memory back

struct rest {
    double bytes_each = 0;
    std::int64_t switches = 0, threads = 0;
    nanoseconds cpu{};
};

// Every connection has had one answer, and waits for the next request.
rest measure_rest(server const& which, pair_of_cpus cpus, std::chrono::seconds time) {
    running_server s(which, "echo", cpus.server);
    auto const id = s.process.id();
    auto const before = memory_of(id);
    child load(cpus.client, beside_this("net_load"),
               {"echo", s.port, std::to_string(connections), "count", std::to_string(4 * connections)});
    load.line(time_limit);
    std::this_thread::sleep_for(settling);
    rest r{.bytes_each = static_cast<double>(memory_of(id) - before) / connections,
           .threads = threads_of(id)};
    auto const switches = switches_of(id);
    auto const cpu = cpu_time_of(id);
    std::this_thread::sleep_for(time);
    r.cpu = cpu_time_of(id) - cpu;
    r.switches = switches_of(id) - switches;
    return r;
}

} // namespace

std::string idle_table(std::vector<server> const& servers, pair_of_cpus cpus, bool quick, bool& broken) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max < connections + 100)
        return joined("idle is left out: it needs ", grouped(connections), " descriptors in a process, and ",
                      grouped(static_cast<std::int64_t>(files.rlim_max)), " are allowed\n\n");
    std::chrono::seconds const time{quick ? 2 : 10};
    std::vector<std::vector<std::string>> lines{{"idle", "memory of each", "switches", "CPU", "threads"}};
    std::vector<shown_goal> goals;
    progress shown;
    for (auto const& s : servers)
        if (!s.version.empty()) {
            shown.now("idle: " + s.name);
            try {
                auto const r = measure_rest(s, cpus, time);
                lines.push_back({s.name, grouped(std::llround(r.bytes_each)) + " B", grouped(r.switches),
                                 in_unit(static_cast<double>(r.cpu.count()), {"ms", 1e6}),
                                 grouped(r.threads)});
                // fiber::hook has stacks of a thread's size. Each takes a page of tables more.
                if (s.name == "fiber::net" || s.name == "fiber::io") {
                    goals.push_back({"memory of " + s.name, joined("at most ", grouped(most_bytes), " B"),
                                     grouped(std::llround(r.bytes_each)) + " B", r.bytes_each <= most_bytes});
                    goals.push_back({"switches of " + s.name, "0", grouped(r.switches), r.switches == 0});
                    goals.push_back({"CPU time of " + s.name, "0",
                                     in_unit(static_cast<double>(r.cpu.count()), {"ms", 1e6}),
                                     r.cpu.count() == 0});
                }
            } catch (std::exception const& e) {
                shown.complain(joined("perf/run: idle with ", s.name, " is BROKEN: ", e.what()));
                lines.push_back({s.name, "BROKEN"});
                broken = true;
            }
        }
    shown.done("idle: done");
    return joined("idle: ", grouped(connections), " connections after one answer each, for ", time.count(),
                  " s\n\n", aligned(lines), text_of(goals), "\n");
}

} // namespace perf::net
