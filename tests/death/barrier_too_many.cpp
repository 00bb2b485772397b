// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// barrier_too_many: more arrivals than expected print one line and abort.

// exit: abort
// stderr: fiber: fiber::barrier 0x[0-9a-f]+: more arrivals than expected in a phase, or less than one \(in (fiber|OS thread) [0-9]+\)

#include <fiber/fiber.hpp>

int main() {
    fiber::barrier<> barrier(1);
    static_cast<void>(barrier.arrive(2));
}
