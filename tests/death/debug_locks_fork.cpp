// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// debug_locks_fork: a fiber that forks keeps its lock in the child. There the fiber is an OS thread,
// and the lock is watched.

// env: FIBER_DEBUG=locks=1
// stderr: fiber: fiber::mutex 0x[0-9a-f]+: held while fiber [0-9]+ "parent" has waited for [0-9]+ ms: semaphore 0x[0-9a-f]+
// stdout: done

#include "tests/death/own_stderr.hpp"

#include <fiber/fiber.hpp>

#include <cstdio>
#include <mutex>
#include <sys/wait.h>
#include <unistd.h>

int main() {
    tests::own_stderr reports;
    int status = -1;
    fiber::go({.name = "parent"}, [&] {
        fiber::mutex mutex;
        fiber::mutex other;
        mutex.lock();
        ::pid_t const child = ::fork();
        if (child == 0) {
            { std::scoped_lock inner(other); }
            mutex.unlock(); // The child's thread counts as the owner.
            fiber::binary_semaphore over(0);
            fiber::handle waiter = fiber::go({.name = "parent"}, [&] {
                std::scoped_lock lock(mutex);
                over.acquire();
            });
            reports.pass_on_line();
            over.release();
            waiter.join();
            ::_exit(0);
        }
        ::waitpid(child, &status, 0);
        mutex.unlock();
    }).join();
    std::puts(status == 0 ? "done" : "the child has failed");
}
