// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cannot_grow: a recursion uses up the address space. A function cannot fail at its start, and the
// process aborts.

// limit: -v 1000000
// exit: abort
// stderr: fiber: a fiber's stack cannot grow by [0-9]+ bytes: .*
// stderr: ...

#include <fiber/fiber.hpp>

#include <latch>
#include <vector>

[[gnu::noinline]] int descend(int n) {
    volatile char frame[4096];
    frame[0] = 1;
    return n < 0 ? 0 : descend(n + 1) + frame[0];
}

// Makes more machines than the recursion needs. A slow kernel makes the recursion lose its processor
// to one of them. Without a spare, making another machine would fail, too, and print a line.
void make_machines() {
    constexpr int machines = 4;
    std::latch all(machines);
    std::vector<fiber::jthread> blocked;
    for (int i = 0; i < machines; ++i)
        blocked.emplace_back([&all] { fiber::blocking([&all] { all.arrive_and_wait(); }); });
}

int main() {
    fiber::run([] {
        make_machines();
        return descend(0);
    });
}
