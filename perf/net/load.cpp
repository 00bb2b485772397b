// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The load generator of ./perf/run --net.
//   net_load SHAPE PORT CONNECTIONS time MILLISECONDS SERVER
//     Warms up, measures, and writes a record (harness/record.hpp). Its list has the figures (figures.hpp).
//   net_load SHAPE PORT CONNECTIONS count REQUESTS
//     Warms up with a fourth of the number, writes "ready" and waits for a line. Makes exactly that number of
//     requests, writes "done" and waits for the end of standard input.
// SHAPE: echo, echo_one, http, stream. SERVER: the id of the server's process, for its CPU time.
#include "perf/harness/format.hpp"
#include "perf/harness/process.hpp"
#include "perf/harness/record.hpp"
#include "perf/net/client.hpp"
#include "perf/net/figures.hpp"
#include "perf/net/http.hpp"
#include "perf/net/other_process.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

#include <sys/resource.h>

namespace {

using namespace perf::net;
using perf::clock;

// Each byte differs from its neighbours.
std::string block(std::size_t size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i)
        text[i] = static_cast<char>('!' + i % 90);
    return text;
}

std::unique_ptr<client> client_for(std::string_view shape, std::uint16_t port, std::int64_t connections) {
    static auto const message = block(64), streamed = block(512);
    if (shape == "echo")
        return closed_loop(port, connections, {message, message});
    if (shape == "http")
        return closed_loop(port, connections, {request, response});
    if (shape == "echo_one")
        return one_blocking(port, {message, message});
    if (shape == "stream")
        return pipelined(port, {streamed, streamed});
    throw std::runtime_error(perf::joined("there is no ", shape));
}

limit for_time(perf::nanoseconds time) { return {.end = clock::now() + time}; }

[[noreturn]] void measure(client& c, std::chrono::milliseconds time, pid_t server) {
    histogram latencies;
    c.run(for_time(time / 4), latencies);
    latencies.clear();
    auto const cpu = cpu_time_of(server);
    auto const start = clock::now();
    auto const requests = static_cast<double>(c.run(for_time(time), latencies));
    std::chrono::duration<double> const took = clock::now() - start;
    std::chrono::duration<double> const used = cpu_time_of(server) - cpu;
    perf::report_and_exit({.list = list_of({.rate = requests / took.count(),
                                            .p50 = latencies.quantile(0.5),
                                            .p99 = latencies.quantile(0.99),
                                            .p999 = latencies.quantile(0.999),
                                            .cpu = used.count() * 1e9 / requests,
                                            .busy = used.count() / took.count()})});
}

int make(client& c, std::int64_t requests) {
    histogram latencies;
    c.run({.requests = std::max(requests / 4, std::int64_t{1})}, latencies);
    std::cout << "ready" << std::endl;
    std::string line;
    std::getline(std::cin, line);
    c.run({.requests = requests}, latencies);
    std::cout << "done" << std::endl;
    std::getline(std::cin, line);
    return 0;
}

void allow_many_descriptors() {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

} // namespace

int main(int argc, char** argv) {
    std::string_view const phase = argc > 5 ? argv[4] : "";
    if (!(phase == "time" && argc == 7) && !(phase == "count" && argc == 6)) {
        std::fprintf(stderr, "usage: %s SHAPE PORT CONNECTIONS time MILLISECONDS SERVER | count REQUESTS\n",
                     argv[0]);
        return 2;
    }
    perf::die_with_parent();
    allow_many_descriptors();
    try {
        auto const c =
            client_for(argv[1], static_cast<std::uint16_t>(std::stoul(argv[2])), std::stoll(argv[3]));
        if (phase == "count")
            return make(*c, std::stoll(argv[5]));
        measure(*c, std::chrono::milliseconds(std::stoll(argv[5])), static_cast<pid_t>(std::stol(argv[6])));
    } catch (std::exception const& e) {
        perf::broken(e.what());
    }
}
