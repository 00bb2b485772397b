// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What the kernel says about another process: a server that is measured.
#pragma once

#include "perf/workload.hpp"

#include <cstdint>

#include <sys/types.h>

namespace perf::net {

// User and system, of all threads, live or ended.
nanoseconds cpu_time_of(pid_t);

std::int64_t memory_of(pid_t);   // bytes: resident and page tables
std::int64_t switches_of(pid_t); // how often its threads, that live, gave up a CPU or lost it
std::int64_t threads_of(pid_t);
bool is_traced(pid_t); // all of its threads

} // namespace perf::net
