// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// dump_names_lines: a dump has the functions and the source lines of a program with debugging information,
// also of its static functions and its lambdas: a fiber starts in line 35, and waits in lines 26 and 35.

// stdout: 1 fibers on 1 processors
// stdout:
// stdout: fiber 1 "waits": parked, chan receive .*; started at main at .*/dump_names_lines.cpp:35 \(process_dump_names_lines\+0x[0-9a-f]+\)
// stdout:     0x[0-9a-f]+ fiber::detail::channel::.*
// stdout:     0x[0-9a-f]+ .*wait_in_static_function\(.*\) at .*/dump_names_lines.cpp:26 \(.*\)
// stdout:     0x[0-9a-f]+ .*main.* at .*/dump_names_lines.cpp:35 \(.*\)
// stdout:

#include <fiber/fiber.hpp>

#include <chrono>
#include <thread>

using namespace std::chrono_literals;

namespace {

[[gnu::noinline]] void wait_in_static_function(fiber::chan<int>& c) {
    int value = 0;
    value += c.recv().has_value();
    asm volatile("" ::"r"(value));
}

} // namespace

int main() {
    fiber::runtime r({.processors = 1});
    fiber::chan<int> c;
    auto waits = r.go({.name = "waits"}, [c]() mutable { wait_in_static_function(c); });
    while (r.fibers()[0].state != "parked")
        std::this_thread::sleep_for(1ms);
    r.dump(stdout);
    c.close();
    waits.join();
}
