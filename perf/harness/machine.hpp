// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What the kernel says about this machine and this process.
#pragma once

#include "perf/workload.hpp"

#include <cstdint>
#include <string>

namespace perf {

std::string machine_line(); // CPUs, kernel, compiler: one line for the head of the table
unsigned cpus();            // those this process may use

// Returns the kernel's limit on threads, less a tenth. A container may allow fewer: then a start fails.
std::int64_t thread_limit();

// Returns how many tasks of this size fit into half of the free memory, at most `wanted`.
std::int64_t affordable(std::int64_t wanted, std::int64_t bytes_each);

std::int64_t memory_in_use(); // bytes: resident and page tables, of this process
nanoseconds cpu_time();       // user and system, all threads of this process

// Measures which part of all CPUs' time other processes took since it was made. Children count as this
// process.
class background_load {
public:
    background_load();
    double share() const;
    // Returns a warning for below the table if that was enough to move rows by more than a tenth, else
    // nothing.
    static std::string warning(double share);

private:
    clock::time_point const start_;
    double const before_;
};

} // namespace perf
