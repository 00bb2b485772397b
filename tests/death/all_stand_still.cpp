// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// all_stand_still: the owner of a lock is runnable, and each machine up to max_machines blocks in
// that lock. With OS threads such a program finishes. Here machines beyond the limit let it finish,
// and one line reports them once.

// stderr: fiber: a runtime has 5 machines, and can have no more .*max_machines.*
// stderr: fiber: all stand still in a runtime: each of its 1 processors .* [0-9]+ fibers are runnable.* 5 machines.*max_machines.*
// stdout: 200 have had the lock

#include <fiber/fiber.hpp>

#include <cstdio>
#include <semaphore>
#include <vector>

int main() {
    fiber::runtime small({.processors = 1, .max_machines = 5});
    std::binary_semaphore lock(1); // like a std::mutex, but another OS thread may unlock it
    int have_had_it = 0;
    small.run([&] {
        std::vector<fiber::handle> all;
        for (int i = 0; i < 200; ++i)
            all.push_back(fiber::go([&] {
                lock.acquire(); // blocks its OS thread
                ++have_had_it;
                fiber::this_fiber::yield(); // moves behind all the other fibers
                lock.release();
            }));
        for (auto& h : all)
            h.join();
    });
    std::printf("%d have had the lock\n", have_had_it);
}
