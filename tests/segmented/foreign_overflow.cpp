// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// foreign_overflow: code compiled without split stacks overflows the segment from the pool. The
// report is the same as for any fiber's stack.

// exit: 139
// stderr: fiber: fiber [0-9]+ "deep": stack overflow \(256 KiB\)\. Give it a larger attributes::stack_size
// stderr:   started at .*main.*
// stderr:     .*overflow.*
// stderr:     .*overflow.*
// stderr:     .*overflow.*
// stderr: ...

#include <fiber/fiber.hpp>
#include <fiber/stack.hpp>

// Exported, because backtraces name only exported functions.
extern "C" [[gnu::visibility("default"), gnu::noinline, gnu::no_split_stack]] int foreign_overflow(int n);
int foreign_overflow(int n) {
    int volatile frame[64] = {n};
    return frame[0] < 0 ? 0 : foreign_overflow(n + 1) + frame[1];
}

int main() {
    fiber::go({.name = "deep"}, [] {
        return fiber::with_stack(65536, [] { return foreign_overflow(0); });
    }).join();
}
