// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cannot_grow: a recursion that has used up the address space. A function that begins cannot fail: so the process ends.

// limit: -v 1000000
// exit: abort
// stderr: fiber: a fiber's stack cannot grow by [0-9]+ bytes: .*
// stderr: ...

#include <fiber/fiber.hpp>

[[gnu::noinline]] int descend(int n) {
    volatile char frame[4096];
    frame[0] = 1;
    return n < 0 ? 0 : descend(n + 1) + frame[0];
}

int main() {
    fiber::run([] { return descend(0); });
}
