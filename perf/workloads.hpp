// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The list of all workloads, in the order of the tables. A row of a table is one entry here and one file in
// workloads/. perf/run --help takes the names from here: each entry begins with `workload{{"name", `.
#pragma once

#include "perf/workload.hpp"
#include "perf/workloads/dump.hpp"
#include "perf/workloads/latency.hpp"
#include "perf/workloads/many_to_many.hpp"
#include "perf/workloads/memory.hpp"
#include "perf/workloads/mutex.hpp"
#include "perf/workloads/park_all.hpp"
#include "perf/workloads/ping_pong.hpp"
#include "perf/workloads/pipe.hpp"
#include "perf/workloads/ring.hpp"
#include "perf/workloads/search.hpp"
#include "perf/workloads/select.hpp"
#include "perf/workloads/sieve.hpp"
#include "perf/workloads/skynet.hpp"
#include "perf/workloads/sleepers.hpp"
#include "perf/workloads/spawn_all.hpp"
#include "perf/workloads/spawn_join.hpp"
#include "perf/workloads/spawn_many.hpp"
#include "perf/workloads/yield.hpp"

#include <tuple>

namespace perf {

constexpr auto make_workloads() {
    using enum table;
    using enum shows;
    using enum load;
    constexpr counts many{100'000, 20'000}, a_million{1'000'000, 100'000}, four_million{4'000'000, 1'000'000};
    return std::tuple{
        workload{{"spawn_join", both, "start one and join it", {500'000, 125'000}},
                 [](auto c, auto n) { return start_and_join<decltype(c)>(n); }},
        workload{{"spawn_many", threads, "start 10,000, then join them: each"},
                 [](auto c, auto n) { return start_many_then_join<decltype(c)>(n, 10'000); }},
        workload{{"spawn_all", rivals, "start {}, wait for all: each", a_million, time_of_each, heavy},
                 [](auto c, auto n) { return start_all_then_wait<decltype(c)>(n); }},
        workload{{"yield", threads, "yield, four tasks a CPU"},
                 [](auto c, auto n) { return yield_in_turns<decltype(c)>(4 * cpus(), n); }},
        workload{{"yield_2", rivals, "yield, two tasks", four_million},
                 [](auto c, auto n) { return yield_in_turns<decltype(c)>(2, n); }},
        workload{{"yield_10", rivals, "yield, ten tasks", four_million},
                 [](auto c, auto n) { return yield_in_turns<decltype(c)>(10, n); }},
        workload{{"ring", rivals, "ring of 503, unbuffered channels: a hop", {1'000'000, 250'000}},
                 [](auto c, auto n) { return pass_a_token<decltype(c)>(503, n); }},
        workload{{"ping_pong", both, "ping-pong, unbuffered channel: a round trip", {500'000, 125'000}},
                 [](auto c, auto n) { return round_trips<decltype(c)>(n); }},
        workload{{"pipe", both, "producer to consumer, buffer of 128: an item", four_million},
                 [](auto c, auto n) { return produce_and_consume<decltype(c)>(n); }},
        workload{{"many_to_many", rivals, "four producers to four consumers, buffer of 128: an item",
                  four_million},
                 [](auto c, auto n) { return four_to_four<decltype(c)>(n); }},
        workload{{"select", rivals, "select over two unbuffered channels: an item", {1'000'000, 250'000}},
                 [](auto c, auto n) { return select_from_two<decltype(c)>(n); }},
        workload{{"sieve", rivals, "sieve to prime number {}", {2'500, 1'000}, time_of_all},
                 [](auto c, auto n) { return sieve_to_prime<decltype(c)>(n); }},
        workload{{"mutex", threads, "mutex, 100 tasks: lock, add, unlock"},
                 [](auto c, auto n) { return count_under_a_lock<decltype(c)>(n); }},
        workload{{"park_all", rivals, "start {}, until all are parked: each", a_million, time_of_each, heavy},
                 [](auto c, auto n) { return park_all<decltype(c)>(n); }},
        workload{{"wake_all", rivals, "wake {} parked, until all have ended: each", a_million, time_of_each,
                  heavy},
                 [](auto c, auto n) { return wake_all<decltype(c)>(n); }},
        workload{
            {"sleepers", threads, "{} sleepers at once: CPU time a sleep", many, cpu_of_each, light, sleeps},
            [](auto c, auto n) { return sleep_at_once<decltype(c)>(n); }},
        workload{{"sleepers", rivals, "{} sleep five times", many, time_and_cpu_of_all},
                 [](auto c, auto n) { return sleep_at_once<decltype(c)>(n); }},
        workload{{"skynet", both, "skynet, {} leaves", a_million, time_of_all, heavy},
                 [](auto c, auto n) { return grow_a_tree<decltype(c)>(n); }},
        workload{{"dump_pause", rivals, "dump of {} parked: longest pause", {10'000, 10'000}, time_of_all},
                 [](auto c, auto n) { return longest_pause_by_dump<decltype(c)>(false, n); }},
        workload{
            {"snapshot_pause", rivals, "snapshot of {} parked: longest pause", {10'000, 10'000}, time_of_all},
            [](auto c, auto n) { return longest_pause_by_dump<decltype(c)>(true, n); }},
        workload{{"dump_all", rivals, "dump of {} parked, grouped", a_million, time_of_all, heavy},
                 [](auto c, auto n) { return time_of_dump<decltype(c)>(n); }},
        workload{{"memory", threads, "{} parked: memory of each", {1'000'000}, bytes_of_each},
                 [](auto c, auto n) { return memory_of_parked<decltype(c)>(n); }},
        workload{{"search", threads, "a word searched in {} files, one task each", {}, time_of_all},
                 [](auto c, auto, job const& j) { return search_all<decltype(c)>(j); }},

        // For ./perf/run --latency, beside none, one or two tasks that compute; the count is in milliseconds.
        workload{{"latency_0", neither, ""}, [](auto c, auto ms) { return lateness<decltype(c)>(0, ms); }},
        workload{{"latency_1", neither, ""}, [](auto c, auto ms) { return lateness<decltype(c)>(1, ms); }},
        workload{{"latency_2", neither, ""}, [](auto c, auto ms) { return lateness<decltype(c)>(2, ms); }},
    };
}
inline constexpr auto workloads = make_workloads();

// All entries without their code.
inline std::vector<workload_spec const*> workload_specs() {
    return std::apply([](auto const&... w) { return std::vector<workload_spec const*>{&w...}; }, workloads);
}

} // namespace perf
