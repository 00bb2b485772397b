// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// all_stand_still: the owner of a lock is runnable, and each machine that there may be blocks in that lock. What would finish with
// threads finishes, by machines beyond the limit, and a line says so once.

// stderr: fiber: a runtime has 5 machines, and can have no more .*max_machines.*
// stderr: fiber: all stand still in a runtime: each of its 1 processors .* [0-9]+ fibers are runnable.* 5 machines.*max_machines.*
// stdout: 200 have had the lock

#include <fiber/fiber.hpp>

#include <cstdio>
#include <semaphore>
#include <vector>

int main() {
    fiber::runtime small({.processors = 1, .max_machines = 5});
    std::binary_semaphore lock(1); // as a std::mutex, but it may be unlocked on another OS thread
    int have_had_it = 0;
    small.run([&] {
        std::vector<fiber::handle> all;
        for (int i = 0; i < 200; ++i)
            all.push_back(fiber::go([&] {
                lock.acquire(); // blocks its OS thread
                ++have_had_it;
                fiber::this_fiber::yield(); // behind all the others
                lock.release();
            }));
        for (auto& h : all)
            h.join();
    });
    std::printf("%d have had the lock\n", have_had_it);
}
