// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// debug_locks_kept: a fiber that ends with a locked mutex is reported, and a fiber that shares a
// lock twice.

// env: FIBER_DEBUG=locks=60000
// stderr: fiber: fiber::shared_mutex 0x[0-9a-f]+: locked again by its holder: that can deadlock \(in fiber [0-9]+ "twice"\)
// stderr: fiber: fiber::mutex 0x[0-9a-f]+: not unlocked by fiber [0-9]+ "forgetful", which has ended
// stdout: done

#include <fiber/fiber.hpp>

#include <cstdio>
#include <mutex>
#include <shared_mutex>

int main() {
    static fiber::mutex kept;
    fiber::shared_mutex shared;
    fiber::go({.name = "twice"}, [&] {
        for (int i = 0; i < 3; ++i) {
            std::shared_lock outer(shared);
            std::shared_lock inner(shared);
        }
    }).join();
    fiber::go({.name = "forgetful"}, [] { kept.lock(); }).join();
    fiber::condition_variable changed;
    fiber::mutex handed_on;
    // unlocks handed_on
    fiber::go([&] { notify_all_at_thread_exit(changed, std::unique_lock(handed_on)); }).join();
    std::puts("done");
}
