// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// machines_exhausted: max_machines fibers block. One line reports that once, and the other fibers
// wait until a machine returns. all_stand_still.cpp tests the report for the case that no machine
// returns for long.
// stderr: fiber: a runtime has 3 machines, and can have no more .*max_machines.*
// stderr: ...
// stdout: all done
#include <fiber/runtime.hpp>

#include <atomic>
#include <cstdio>
#include <unistd.h>
#include <vector>

int main() {
    int ends[2];
    if (::pipe(ends) != 0)
        return 1;
    fiber::runtime small({.processors = 1, .max_machines = 3});
    std::vector<fiber::handle> all;
    std::atomic<int> entered = 0;
    auto const pass = [&] {
        ++entered;
        char c = 0;
        if (::read(ends[0], &c, 1) != 1)
            std::puts("no byte");
    };
    for (int i = 0; i < 10; ++i)
        all.push_back(small.go([&, i] { i > 2 && i % 2 == 0 ? pass() : fiber::blocking(pass); }));
    while (entered < 3) // Each of them occupies a machine. The third one has requested a fourth machine.
        ::usleep(100);
    for (int i = 0; i < 10; ++i) {
        ::usleep(2000); // lets sysmon retry several times; the outcome does not depend on it
        if (::write(ends[1], "x", 1) != 1)
            return 1;
    }
    for (auto& h : all)
        h.join();
    std::puts("all done");
}
