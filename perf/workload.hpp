// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What a workload is: a row of the table, with one function per rival, both instances of the same template.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>

namespace perf {

using clock = std::chrono::steady_clock;
using nanoseconds = std::chrono::nanoseconds;

// What the user may choose.
struct job {
    std::filesystem::path dir = "/usr/include";
    std::string word = "mutex";
    bool quick = false;
};

// What a whole run found: nanoseconds or bytes, for as much as the row's title says, how many tasks took
// part, and the nanoseconds of CPU time, where that is of interest beside the value.
struct outcome {
    double value = 0;
    std::int64_t tasks = 0;
    double cpu = 0;
};

// Two kinds of measurement. In the first Google Benchmark chooses the number of operations, so that a run
// lasts long enough, and the function says how long they took; the second measures one thing as a whole.
using per_operation = nanoseconds (*)(std::int64_t operations);
using whole = outcome (*)(job const&);
using measurement = std::variant<per_operation, whole>;

enum class quantity { time, memory };

struct workload {
    std::string_view name;  // for --only and --json
    std::string_view title; // {} stands for the most tasks that a rival came to
    measurement pthreads;
    measurement fibers;
    quantity measures = quantity::time;
};

// Each in work/<name>.cpp; the table shows them in this order.
extern workload const spawn_join, spawn_many, yield, ping_pong, pipe, contended_mutex, sleepers, skynet,
    parked_memory, search;

// Ends the process with status 1 unless the workload came to the right answer.
void verify(bool right, std::string_view what);

// This rival cannot do this workload on this machine: reports why, and ends the process with status 0.
[[noreturn]] void cannot(std::string_view why, std::int64_t tasks);

} // namespace perf
