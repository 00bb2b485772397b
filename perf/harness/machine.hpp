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

// The kernel's own limits on threads, less a tenth. What a container allows below that is found by trying.
std::int64_t thread_limit();

// The most tasks of this size that fit into half of the memory that is free, at the most `wanted`.
std::int64_t affordable(std::int64_t wanted, std::int64_t bytes_each);

std::int64_t memory_in_use(); // bytes: resident and page tables, of this process
nanoseconds cpu_time();       // user and system, all threads of this process

// Says what part of all CPUs' time went to others than this process and its children since it was made.
class background_load {
public:
    background_load();
    double share() const;
    // A warning for below the table if that was enough to move rows by more than a tenth, else empty.
    static std::string warning(double share);

private:
    clock::time_point const start_;
    double const before_;
};

} // namespace perf
