// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// debug_locks_order: a circular lock order of three mutexes is reported once, although no deadlock
// has occurred.

// env: FIBER_DEBUG=locks
// stderr: fiber: fiber::mutex 0x[0-9a-f]+: locked after fiber::mutex 0x[0-9a-f]+ here, and before it elsewhere: that can deadlock \(in fiber [0-9]+ "third"\)
// stdout: done

#include <fiber/fiber.hpp>

#include <cstdio>
#include <mutex>

int main() {
    fiber::mutex a;
    fiber::mutex b;
    fiber::mutex c;
    auto const in_order = [](fiber::mutex& first, fiber::mutex& second) {
        for (int i = 0; i < 3; ++i) {
            std::scoped_lock outer(first);
            std::scoped_lock inner(second);
        }
    };
    fiber::go([&] { in_order(a, b); }).join();
    fiber::go([&] { in_order(b, c); }).join();
    fiber::go({.name = "third"}, [&] { in_order(c, a); }).join();
    for (int i = 0; i < 3; ++i) { // New mutexes may have the addresses of earlier ones.
        fiber::mutex x;
        fiber::mutex y;
        i % 2 == 0 ? in_order(x, y) : in_order(y, x);
    }
    std::puts("done");
}
