// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// dump_on_quit: with FIBER_DUMP=quit, SIGQUIT prints the fibers, and the program goes on.

// env: FIBER_DUMP=quit
// stderr: 1 fibers on [0-9]+ processors
// stderr:
// stderr: fiber [0-9]+ "waits": parked, chan receive 0x[0-9a-f]+, 0 of 0 buffered; for [0-9]+ ms; .*
// stderr: ...
// stdout: it goes on

#include <fiber/fiber.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;

int main() {
    fiber::chan<int> c;
    auto waits = fiber::go({.name = "waits"}, [c]() mutable { static_cast<void>(c.recv()); });
    while (fiber::runtime::global().fibers()[0].state != "parked")
        std::this_thread::sleep_for(1ms);
    std::raise(SIGQUIT);
    std::this_thread::sleep_for(1s); // nothing tells when the dump has been written
    c.close();
    waits.join();
    std::puts("it goes on");
}
