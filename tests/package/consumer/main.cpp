// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// A user's program in a separate project. It uses each module.
#include <fiber/fiber.hpp>

#include <cstdio>
#include <mutex>

int main() {
    fiber::mutex mutex;
    int last = 0;
    fiber::run([&] {
        fiber::chan<int> squares(1);
        fiber::handle source = fiber::go([=] {
            for (int i = 1; i <= 3; ++i)
                squares.send(i * i);
            squares.close();
        });
        for (int n : squares) {
            std::scoped_lock lock(mutex);
            std::printf(last == 0 ? "%d" : " %d", n);
            last = n;
        }
        source.join();
    });
    std::puts(last == 9 && !fiber::running_in_fiber() ? ", by fibers" : ", wrongly");
}
