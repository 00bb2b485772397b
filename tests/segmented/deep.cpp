// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// A program for debuggers: many frames over several segments. At each depth malloc runs on the
// machine's stack.

#include <fiber/fiber.hpp>

#include <cstdlib>

[[gnu::noinline]] void innermost(int n) {
    void* const p = std::malloc(static_cast<std::size_t>(n));
    asm volatile("" : : "r"(p) : "memory");
    std::free(p);
}

[[gnu::noinline]] void outermost(int n) {
    char frame = 0;
    asm volatile("" : : "r"(&frame) : "memory");
    if (n == 0)
        innermost(25);
    else
        outermost(n - 1);
    asm volatile("" : : "r"(&frame) : "memory");
}

int main() {
    fiber::run([] {
        for (int n = 0; n < 60; ++n)
            outermost(n);
    });
}
