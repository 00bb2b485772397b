// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// guards_by_mprotect: without MADV_GUARD_INSTALL each guard takes a map entry, and a process has
// fewer map entries than fibers. The fibers start all the same, and one warning explains the effect.

// stderr: fiber: no guard page below further fiber stacks: .*
// stdout: 100000 fibers were there, and have ended

#include "runtime/stack/slab.hpp"

#include <fiber/fiber.hpp>

#include <cstdio>

int main() {
    constexpr int fibers = 100'000;
    fiber::rt::limit_guards(fiber::rt::guard_support::mprotect);
    fiber::chan<bool> gate;
    fiber::wait_group there, gone;
    there.add(fibers);
    for (int i = 0; i < fibers; ++i)
        gone.go([&there, gate] {
            there.done();
            static_cast<void>(gate.recv());
        });
    there.wait();
    gate.close();
    gone.wait();
    std::printf("%d fibers were there, and have ended\n", fibers);
}
