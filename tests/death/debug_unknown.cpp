// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// debug_unknown: an unknown value of FIBER_DEBUG is named on stderr and ignored.

// env: FIBER_DEBUG=lokcs
// stderr: fiber: FIBER_DEBUG=lokcs is ignored: it must be locks, or locks=<milliseconds>
// stdout: done

#include <fiber/fiber.hpp>

#include <cstdio>
#include <mutex>

int main() {
    fiber::mutex mutex;
    std::scoped_lock lock(mutex);
    std::puts("done");
}
