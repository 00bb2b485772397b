// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadlock_in_run: a fiber of a runtime that is not the global one waits for ever, while the program handles
// signals, and another OS thread has ended.

// exit: abort
// stderr: fiber: all fibers are asleep - deadlock!
// stderr: ...

#include <fiber/fiber.hpp>

#include <csignal>
#include <thread>
#include <unistd.h>

int main() {
    ::alarm(10);
    std::signal(SIGUSR1, [](int) {});
    fiber::runtime own({.processors = 2});
    std::thread([] { fiber::run([] {}); }).join();
    own.run([] {
        fiber::mutex m;
        m.lock();
        fiber::go([&m] { m.lock(); }).join();
    });
}
