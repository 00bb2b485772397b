// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// debug_locks_long_wait: a fiber or thread that waits for long while it holds a lock is reported
// once. The report comes during the wait and names the lock's class. A fiber that holds no lock is
// not reported.

// env: FIBER_DEBUG=locks=1
// stderr: fiber: fiber::timed_mutex 0x[0-9a-f]+: held while fiber [0-9]+ "first" has waited for [0-9]+ ms: semaphore 0x[0-9a-f]+
// stderr: fiber: fiber::shared_mutex 0x[0-9a-f]+: held while OS thread [0-9]+ has waited for [0-9]+ ms: semaphore 0x[0-9a-f]+
// stderr: fiber: fiber::mutex 0x[0-9a-f]+: held while fiber [0-9]+ has waited for [0-9]+ ms: join 0x[0-9a-f]+
// stdout: done

#include "tests/death/own_stderr.hpp"

#include <fiber/fiber.hpp>

#include <cstdio>
#include <mutex>
#include <shared_mutex>
#include <thread>

int main() {
    tests::own_stderr reports;
    fiber::counting_semaphore<> over(0);
    // waits longer than the others, but holds no lock
    fiber::handle without = fiber::go([&] { over.acquire(); });
    fiber::timed_mutex mutex;
    fiber::handle first = fiber::go({.name = "first"}, [&] {
        std::scoped_lock lock(mutex);
        over.acquire();
    });
    reports.pass_on_line(); // comes during the wait: no other fiber could end the wait yet
    fiber::shared_mutex shared;
    std::thread second([&] {
        std::shared_lock lock(shared);
        over.acquire();
    });
    reports.pass_on_line(); // The first fiber must not be reported again.
    fiber::mutex plain;
    fiber::handle third = fiber::go([&] {
        std::scoped_lock lock(plain);
        fiber::go([&] { over.acquire(); }).join(); // joins a fiber that has not started
    });
    reports.pass_on_line();
    over.release(4);
    without.join();
    first.join();
    second.join();
    third.join();
    std::puts("done");
}
