// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// machines_exhausted_by_a_call: a line that sysmon reports reaches stderr, although sysmon does not
// share the program's file descriptors. No other thread can print it here: the only machine blocks
// in a system call.
// stderr: fiber: .*max_machines.*
// stdout: all done
#include <fiber/runtime.hpp>

#include <cstdio>
#include <unistd.h>

int main() {
    int ends[2], stderr_ends[2];
    if (::pipe(ends) != 0 || ::pipe(stderr_ends) != 0)
        return 1;
    fiber::runtime one({.processors = 1, .max_machines = 1});
    int const true_stderr = ::dup(STDERR_FILENO);
    // comes after the start of sysmon: its lines follow the program's current stderr
    ::dup2(stderr_ends[1], STDERR_FILENO);
    auto blocked = one.go([&] {
        char c = 0;
        if (::read(ends[0], &c, 1) != 1)
            std::puts("no byte");
    });
    auto waiting = one.go([] {});
    char line[512];
    auto const n = ::read(stderr_ends[0], line, sizeof line); // waits until sysmon has reported the line
    if (n <= 0 || ::write(true_stderr, line, static_cast<std::size_t>(n)) != n ||
        ::write(ends[1], "x", 1) != 1)
        return 1;
    blocked.join();
    waiting.join();
    std::puts("all done");
}
