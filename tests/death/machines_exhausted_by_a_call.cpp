// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// machines_exhausted_by_a_call: what sysmon has to say comes to stderr, though it has no part in the program's descriptors.
// Here no other thread can say it: the only machine is blocked in a system call.
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
    ::dup2(stderr_ends[1], STDERR_FILENO); // after sysmon has started: its lines go where stderr goes now
    auto blocked = one.go([&] {
        char c = 0;
        if (::read(ends[0], &c, 1) != 1)
            std::puts("no byte");
    });
    auto waiting = one.go([] {});
    char line[512];
    auto const n = ::read(stderr_ends[0], line, sizeof line); // until the line has been said
    if (n <= 0 || ::write(true_stderr, line, static_cast<std::size_t>(n)) != n ||
        ::write(ends[1], "x", 1) != 1)
        return 1;
    blocked.join();
    waiting.join();
    std::puts("all done");
}
