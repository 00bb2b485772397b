// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/net/measure.hpp"

#include "perf/harness/format.hpp"
#include "perf/harness/process.hpp"
#include "perf/harness/record.hpp"
#include "perf/net/other_process.hpp"

#include <sstream>
#include <stdexcept>

namespace perf::net {
namespace {

sample read_sample(std::string const& text) {
    auto s = read_record(text);
    if (s.ended != sample::status::measured)
        throw std::runtime_error(s.why.empty() ? "no result: " + text : s.why);
    return s;
}

std::vector<std::string> load_arguments(running_server const& s, row const& r) {
    return {std::string(r.name), s.port, std::to_string(r.connections)};
}

figures measure_with_load(running_server& s, row const& r, int cpu, std::chrono::milliseconds time) {
    auto arguments = load_arguments(s, r);
    for (auto const& a : {std::string("time"), std::to_string(time.count()), std::to_string(s.process.id())})
        arguments.push_back(a);
    child load(cpu, beside_this("net_load"), arguments);
    return figures_of(read_sample(load.end(time_limit)).found.list);
}

// wrk writes what wrk.lua says. Our own load generator warms the server up, and checks its answers.
figures measure_with_wrk(running_server& s, row const& r, int cpu, std::chrono::milliseconds time) {
    measure_with_load(s, r, cpu, time / 4);
    auto const cpu_before = cpu_time_of(s.process.id());
    auto const seconds = std::chrono::ceil<std::chrono::seconds>(time).count();
    child wrk(cpu, "wrk",
              {"-t1", joined("-c", r.connections), joined("-d", seconds, "s"), "-s", beside_this("wrk.lua"),
               joined("http://127.0.0.1:", s.port, "/")});
    auto const output = wrk.end(time_limit);
    std::chrono::duration<double, std::nano> const used = cpu_time_of(s.process.id()) - cpu_before;
    auto const at = output.rfind("figures ");
    std::istringstream in(at == output.npos ? "" : output.substr(at + 8));
    double requests = 0, ns = 0, errors = 0;
    figures f;
    if (!(in >> requests >> ns >> errors >> f.p50 >> f.p99 >> f.p999) || errors != 0 || requests == 0)
        throw std::runtime_error("wrk: " + output);
    f.rate = requests / ns * 1e9;
    f.cpu = used.count() / requests;
    f.busy = used.count() / ns;
    return f;
}

} // namespace

running_server::running_server(server const& s, std::string_view protocol, int cpu)
    : process(cpu, s.program, {std::string(protocol)}) {
    auto const line = process.line(time_limit);
    if (!line.starts_with("port "))
        throw std::runtime_error(s.name + " says " + line);
    port = line.substr(5);
}

figures measure(server const& which, row const& r, pair_of_cpus cpus, std::chrono::milliseconds time) {
    running_server s(which, r.protocol, cpus.server);
    return r.with_wrk ? measure_with_wrk(s, r, cpus.client, time)
                      : measure_with_load(s, r, cpus.client, time);
}

} // namespace perf::net
