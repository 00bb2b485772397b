// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// array_too_large: alloca in a fiber that began small. What finds room on a large segment does; a MiB does not.

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
    asm volatile("" : : "r"(array) : "memory"); // or there would be none
    std::printf("%zu bytes\n", bytes);
}

int main() {
    std::setvbuf(stdout, nullptr, _IONBF, 0);
    fiber::run([] {
        std::size_t volatile bytes = 60'000; // or it would become a part of the frame
        fill(bytes);
        bytes = 1 << 20;
        fill(bytes);
    });
}
