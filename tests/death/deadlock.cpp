// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadlock: two fibers wait for each other, and main waits for both. The process ends within a second, with
// the fibers.

// exit: abort
// stderr: fiber: all fibers are asleep - deadlock!
// stderr: 2 fibers on [0-9]+ processors
// stderr:
// stderr: 2 fibers: parked, chan receive, 0 of 0 buffered; for [0-9]+ ms; started at main .*
// stderr:     fiber [0-9]+ "ping", fiber [0-9]+ "pong"
// stderr: ...

#include <fiber/fiber.hpp>

#include <unistd.h>

int main() {
    ::alarm(10);
    fiber::chan<int> a, b;
    auto const exchange = [](fiber::chan<int> from, fiber::chan<int> to) {
        static_cast<void>(from.recv());
        to.send(1);
    };
    auto ping = fiber::go({.name = "ping"}, exchange, a, b);
    auto pong = fiber::go({.name = "pong"}, exchange, b, a);
    ping.join();
    pong.join();
}
