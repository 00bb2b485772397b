// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What a workload is: one entry of the list in workloads.hpp. Its code is a template over a competitor, in
// workloads/.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace perf {

using clock = std::chrono::steady_clock;
using nanoseconds = std::chrono::nanoseconds;

// What the user may choose for a workload.
struct job {
    std::filesystem::path dir = "/usr/include";
    std::string word = "mutex";
    bool quick = false;
};

// What a process has measured. Which of these are set depends on the workload.
struct outcome {
    double value = 0;           // nanoseconds, or bytes
    std::int64_t tasks = 0;     // how many took part, where the machine may give fewer than wanted
    double cpu = 0;             // nanoseconds, user and system
    std::vector<double> list{}; // more values, in an order that the workload and its table know
};

inline outcome whole(nanoseconds took) { return {.value = static_cast<double>(took.count())}; }

// The tables that show a workload: ./perf/run, and ./perf/run --rivals.
enum class table { threads, rivals, both, neither };

constexpr bool shown_in(table has, table wanted) { return has == wanted || has == table::both; }

struct counts {
    std::int64_t full = 0, quick = 0;
};

// What a row shows of an outcome.
enum class shows { time_of_each, time_of_all, time_and_cpu_of_all, cpu_of_each, bytes_of_each };

// heavy: a million tasks at once. A competitor may be unable to run it often, or without much memory.
enum class load { light, heavy };

struct workload_spec {
    std::string_view name; // for --only, --json and the command line of a competitor's program
    table where;
    std::string_view title; // {} stands for the count
    counts how_often{};     // fixed in --rivals: a program in another language needs no more than a loop
    shows value = shows::time_of_each;
    load on_memory = load::light;
    std::int64_t each = 1; // cpu_of_each: operations of each task
};

// `run` is a generic lambda. It gets a competitor, a count, and the job if it has a third parameter.
//   It returns nanoseconds:  the time that `count` short operations took. It is warmed up before.
//   It returns an outcome:   one measurement as a whole, not warmed up. What is made once is part of it.
template <class Run>
struct workload : workload_spec {
    constexpr workload(workload_spec s, Run r) : workload_spec(s), run(std::move(r)) {}
    Run run;
};

// Ends the process with status 1 unless the result is right.
void verify(bool right, std::string_view what);

// Reports why this competitor or this machine cannot do the workload, and ends the process with status 0.
[[noreturn]] void cannot(std::string_view why, std::int64_t tasks = 0);

} // namespace perf
