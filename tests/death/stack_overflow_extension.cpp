// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_overflow_extension: a stack of with_stack overflows. The report gives its size, and tells
// how to get a larger one.

// exit: 139
// stderr: fiber: fiber [0-9]+ "deep": stack overflow \(2048 KiB\)\. Give with_stack more bytes
// stderr:   started at .*main.*
// stderr:     .*overflow_by_frames.*
// stderr:     .*overflow_by_frames.*
// stderr: ...

#include <fiber/fiber.hpp>

// Exported, because backtraces name only exported functions.
extern "C" [[gnu::visibility("default"), gnu::noinline]] int overflow_by_frames(int n) {
    int volatile frame[64] = {n};
    return frame[0] < 0 ? 0 : overflow_by_frames(n + 1) + frame[1];
}

int main() {
    fiber::go({.name = "deep"}, [] {
        return fiber::with_stack(1024 * 1024, [] { return overflow_by_frames(0); });
    }).join();
}
