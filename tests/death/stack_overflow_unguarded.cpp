// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_overflow_unguarded: without guard pages, one line reports their absence once. An overflow is
// noticed when the fiber ends.

// exit: abort
// stderr: fiber: no guard page below further fiber stacks: .*
// stderr: fiber: fiber [0-9]+ "deep": stack overflow \(256 KiB\)\. Give it a larger attributes::stack_size
// stderr:   started at .*
// stderr: fiber: it was noticed when the fiber ended, .*

#include "runtime/stack/slab.hpp"

#include <fiber/fiber.hpp>

namespace {

[[gnu::noinline]] int down_to_the_last_bytes(int n) {
    int volatile frame[16] = {n};
    if (fiber::this_fiber::stack_remaining() < 384)
        return frame[0];
    return down_to_the_last_bytes(n + 1) + frame[1];
}

} // namespace

int main() {
    fiber::rt::limit_guards(fiber::rt::guard_support::none);
    fiber::go([] {}).join(); // ends without an overflow
    fiber::go({.name = "deep"}, down_to_the_last_bytes, 0).join();
}
