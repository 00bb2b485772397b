// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// latch_below_zero: a count below zero prints one line and aborts.

// exit: abort
// stderr: fiber: fiber::latch 0x[0-9a-f]+: counted down below zero \(in (fiber|OS thread) [0-9]+\)

#include <fiber/fiber.hpp>

int main() {
    fiber::latch latch(1);
    latch.count_down(2);
}
