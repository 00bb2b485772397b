// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// array_too_large: alloca in a fiber with a small stack. An array that fits on a large segment
// works; an array of 1 MiB aborts.

// exit: abort
// stdout: 60000 bytes
// stderr: fiber: a variable-length array or alloca of 10[0-9]* bytes is larger than its segment: call that function by fiber::with_stack, or take the memory from the heap

#include <fiber/fiber.hpp>

#include <alloca.h>
#include <cstddef>
#include <cstdio>
#include <cstring>

[[gnu::noinline]] void fill(std::size_t bytes) {
    void* const array = alloca(bytes);
    std::memset(array, 1, bytes);
    asm volatile("" : : "r"(array) : "memory"); // keeps the compiler from removing the array
    std::printf("%zu bytes\n", bytes);
}

int main() {
    std::setvbuf(stdout, nullptr, _IONBF, 0);
    fiber::run([] {
        std::size_t volatile bytes = 60'000; // volatile: a constant size would become a part of the frame
        fill(bytes);
        bytes = 1 << 20;
        fill(bytes);
    });
}
