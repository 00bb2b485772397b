// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hello: code written for threads, with 10,000 of them. It also compiles with std::thread for fiber::thread.
#include <fiber/fiber.hpp>

#include <cstdio>
#include <mutex>
#include <vector>

int main() {
    fiber::mutex mutex;
    fiber::condition_variable all_here;
    int here = 0;
    constexpr int expected = 10'000;

    std::vector<fiber::thread> guests;
    for (int i = 0; i < expected; ++i)
        guests.emplace_back([&] {
            std::unique_lock lock(mutex);
            if (++here == expected)
                all_here.notify_all();
            all_here.wait(lock, [&] { return here == expected; }); // waits until all of them are here
        });
    for (auto& guest : guests)
        guest.join();
    std::printf("hello from %d fibers\n", here);
}
