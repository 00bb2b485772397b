// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// semaphore_above_max: a release above max() prints one line and aborts.

// exit: abort
// stderr: fiber: fiber::counting_semaphore 0x[0-9a-f]+: released below zero, or above max\(\) \(in (fiber|OS thread) [0-9]+\)

#include <fiber/fiber.hpp>

int main() {
    fiber::binary_semaphore semaphore(1);
    semaphore.release();
}
