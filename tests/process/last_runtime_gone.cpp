// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// last_runtime_gone: once the last runtime is destroyed, no sysmon ages idle stacks. Their memory
// returns to the kernel at once.

// stdout: nothing is left

#include "tests/support/memory.hpp"

#include <fiber/fiber.hpp>

#include <alloca.h>
#include <cstdio>

namespace {

void touch_stacks() {
    fiber::runtime runtime({.processors = 2});
    runtime.run([] {
        fiber::chan<bool> gate;
        fiber::wait_group there, gone;
        there.add(1000);
        for (int i = 0; i < 1000; ++i)
            gone.go([&there, gate] {
                constexpr std::size_t size = 64 * tests::kib;
                auto* const memory = static_cast<char volatile*>(alloca(size));
                for (std::size_t at = 0; at < size; at += 4 * tests::kib)
                    memory[at] = 1;
                there.done();
                static_cast<void>(gate.recv());
            });
        there.wait();
        gate.close();
        gone.wait();
    });
}

} // namespace

int main() {
    touch_stacks();
    auto const before = tests::resident_memory();
    touch_stacks();
    std::puts(tests::resident_memory() < before + 8 * tests::mib && before < 40 * tests::mib
                  ? "nothing is left"
                  : "much is left");
}
