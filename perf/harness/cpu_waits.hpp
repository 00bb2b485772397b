// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// For how long the calling thread was ready to run, while its CPU ran something else.
#pragma once

#include "perf/workload.hpp"

#include <sys/types.h>

namespace perf {

class cpu_waits {
public:
    cpu_waits() { static_cast<void>(since_last_call()); }
    ~cpu_waits();
    cpu_waits(cpu_waits const&) = delete;
    cpu_waits& operator=(cpu_waits const&) = delete;

    // Returns zero if another thread made the last call.
    nanoseconds since_last_call();

private:
    pid_t thread_ = 0;
    int file_ = -1; // the kernel's account of the thread
    nanoseconds before_{};
};

} // namespace perf
