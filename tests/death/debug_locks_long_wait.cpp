// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// debug_locks_long_wait: a wait while a mutex is held is reported if it takes long, and only then.

// env: FIBER_DEBUG=locks=20
// stderr: fiber: fiber::mutex 0x[0-9a-f]+: held for the [0-9]+ ms for which fiber [0-9]+ "sleeper" waited: sleep
// stdout: done

#include <fiber/fiber.hpp>

#include <chrono>
#include <cstdio>
#include <mutex>

int main() {
    using namespace std::chrono_literals;
    fiber::mutex mutex;
    fiber::go({.name = "sleeper"}, [&] {
        fiber::this_fiber::sleep_for(30ms); // holds nothing
        std::scoped_lock lock(mutex);
        fiber::this_fiber::sleep_for(30ms);
    }).join();
    std::puts("done");
}
