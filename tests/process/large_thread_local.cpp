// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// large_thread_local: a program may have thread-local variables of any size, as with threads. The C
// library takes them out of each thread's stack.

// env: FIBER_PROCS=1
// stdout: 42

#include <fiber/fiber.hpp>

#include <cstdio>

namespace {

thread_local char volatile large[64 << 20];

} // namespace

int main() {
    fiber::run([] {
        large[sizeof large / 2] = 42;
        std::printf("%d\n", large[sizeof large / 2]);
    });
}
