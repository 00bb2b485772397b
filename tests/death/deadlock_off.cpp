// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadlock_off: FIBER_DEADLOCK=off silences it.

// env: FIBER_DEADLOCK=off

#include <fiber/fiber.hpp>

#include <csignal>
#include <unistd.h>

int main() {
    std::signal(SIGALRM, [](int) { ::_exit(0); });
    ::alarm(1);
    fiber::chan<int> c;
    fiber::go([c]() mutable { static_cast<void>(c.recv()); }).join();
}
