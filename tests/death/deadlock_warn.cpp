// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadlock_warn: with FIBER_DEADLOCK=warn the process goes on. A signal handler, which nobody looks at, ends
// it.

// env: FIBER_DEADLOCK=warn
// stderr: fiber: all fibers are asleep - deadlock!
// stderr: 1 fibers on [0-9]+ processors
// stderr: ...

#include <fiber/fiber.hpp>

#include <csignal>
#include <unistd.h>

int main() {
    std::signal(SIGALRM, [](int) { ::_exit(0); });
    ::alarm(2);
    fiber::chan<int> c;
    fiber::go([c]() mutable { static_cast<void>(c.recv()); }).join();
}
