// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What do yields and channels cost beside 1,000 connections for which fibers wait?
#include "perf/competitors/fiber.hpp"
#include "perf/harness/cell.hpp"
#include "perf/harness/format.hpp"
#include "perf/harness/process.hpp"
#include "perf/harness/progress.hpp"
#include "perf/harness/record.hpp"
#include "perf/net/table.hpp"
#include "perf/workloads/ping_pong.hpp"
#include "perf/workloads/yield.hpp"

#include <fiber/net.hpp>

#include <array>
#include <exception>
#include <random>
#include <stdexcept>

#include <sys/resource.h>

namespace perf::net {
namespace {

using competitors::fibers;

constexpr std::size_t idle_connections = 1'000;
constexpr double most_ratio = 1.03; // the goal

struct scene {
    std::string_view name, alone, beside; // names of the entries
    std::int64_t count;
    nanoseconds (*run)(std::int64_t count);
};

constexpr scene scenes[] = {
    {"yield", "yield_alone", "yield_beside", 10'000'000, [](auto n) { return yield_in_turns<fibers>(4, n); }},
    {"ping_pong", "ping_pong_alone", "ping_pong_beside", 2'000'000, round_trips<fibers>},
};

// Both ends live until the process ends. A fiber waits for each of the accepted ones.
void make_idle_connections() {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max < 2 * idle_connections + 100)
        cannot("too few descriptors are allowed");
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    ::fiber::run([] {
        ::fiber::net::tcp_listener listener(::fiber::net::endpoint::parse("127.0.0.1:0"));
        for (std::size_t i = 0; i < idle_connections; ++i) {
            static_cast<void>(::fiber::net::tcp_stream::connect(listener.local_endpoint()).release());
            ::fiber::go([stream = listener.accept()]() mutable {
                std::array<std::byte, 512> buffer;
                stream.read_some(buffer);
            });
        }
        while (::fiber::runtime::global().stats().fibers_parked < idle_connections)
            ::fiber::this_fiber::sleep_for(std::chrono::milliseconds(1));
    });
}

outcome measure(scene const& s, bool beside, std::int64_t count) {
    if (beside)
        make_idle_connections();
    s.run(count / 10);
    return {.value = static_cast<double>(s.run(count).count()) / static_cast<double>(count)};
}

double time_of(std::string_view entry, std::int64_t count, int cpu) {
    child c(cpu, this_program, {std::string(entry), std::to_string(count), "1"});
    auto const s = read_record(c.end(time_limit));
    if (s.ended != sample::status::measured)
        throw std::runtime_error(s.why);
    return s.found.value;
}

} // namespace

std::vector<service::entry> beside_entries() {
    std::vector<service::entry> all;
    for (auto const& s : scenes) {
        all.push_back({s.alone, [&s](auto n, auto const&) { return measure(s, false, n); }});
        all.push_back({s.beside, [&s](auto n, auto const&) { return measure(s, true, n); }});
    }
    return all;
}

// Each pair runs within the same second, in random order.
std::string beside_table(pair_of_cpus cpus, int pairs, bool& broken) {
    std::vector<std::vector<std::string>> lines{{"beside", "without", "with", "ratio"}};
    std::vector<shown_goal> goals;
    progress shown;
    std::mt19937 random{std::random_device{}()};
    for (auto const& s : scenes) {
        std::vector<double> alone, beside, ratios;
        try {
            for (int i = 0; i < pairs; ++i) {
                shown.now(joined("beside: ", s.name, ", pair ", i + 1, " of ", pairs));
                bool const first = random() % 2 == 0;
                if (first)
                    alone.push_back(time_of(s.alone, s.count, cpus.server));
                beside.push_back(time_of(s.beside, s.count, cpus.server));
                if (!first)
                    alone.push_back(time_of(s.alone, s.count, cpus.server));
                ratios.push_back(beside.back() / alone.back());
            }
            auto const ratio = median_of(ratios);
            lines.push_back({std::string(s.name), in_unit(median_of(alone), {"ns", 1}),
                             in_unit(median_of(beside), {"ns", 1}), fixed(ratio, 3) + "x"});
            goals.push_back({std::string(s.name) + " beside them", joined("at most ", fixed(most_ratio, 2)),
                             fixed(ratio, 3), ratio <= most_ratio});
        } catch (std::exception const& e) {
            shown.complain(joined("perf/run: beside, ", s.name, " is BROKEN: ", e.what()));
            lines.push_back({std::string(s.name), "BROKEN"});
            broken = true;
        }
    }
    shown.done("beside: done");
    return joined("beside: ", grouped(idle_connections),
                  " connections for which fibers wait, one processor\n\n", aligned(lines), text_of(goals),
                  "\n");
}

} // namespace perf::net
