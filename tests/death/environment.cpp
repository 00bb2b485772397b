// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// environment: two runtimes work. CMakeLists.txt also runs the program with bad values of
// FIBER_PROCS and FIBER_STACK_SIZE.

// stdout: the answer is 42

#include <fiber/fiber.hpp>

#include <cstdio>

int main() {
    fiber::runtime other;
    int const half = other.run([] { return 21; });
    std::printf("the answer is %d\n", half + fiber::run([] { return 21; }));
}
