// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_overflow [qsort|large_frames|mprotect]: a fiber's stack overflows. The report names the
// fiber, its stack, the place that started the fiber, and a backtrace. In qsort the backtrace may
// show a function without a name. SIGSEGV then ends the process.

// exit: 139
// stderr: fiber: fiber [0-9]+ "deep": stack overflow \(256 KiB\)\. Give it a larger attributes::stack_size
// stderr:   started at .*main.*
// stderr:     .*(overflow|libc\.so).*
// stderr:     .*(overflow|libc\.so).*
// stderr:     .*(overflow|libc\.so).*
// stderr: ...

#include "runtime/stack/slab.hpp"

#include <fiber/fiber.hpp>

#include <cstdlib>
#include <string_view>

namespace {

std::string_view way = "frames";

}

// The overflowing functions are exported, because backtraces name only exported functions.
extern "C" [[gnu::visibility("default"), gnu::noinline]] int overflow_by_frames(int n) {
    int volatile frame[64] = {n};
    return frame[0] < 0 ? 0 : overflow_by_frames(n + 1) + frame[1];
}

extern "C" [[gnu::visibility("default"), gnu::noinline]] int overflow_by_large_frames(int n) {
    int volatile frame[8192];
    frame[0] = n;
    return frame[0] < 0 ? 0 : overflow_by_large_frames(n + 1) + frame[0];
}

extern "C" [[gnu::visibility("default"), gnu::noinline]] int overflow_in_qsort(void const*, void const*) {
    int few[2] = {2, 1};
    std::qsort(few, 2, sizeof(int), overflow_in_qsort);
    return few[0];
}

int main(int argc, char** argv) {
    if (argc > 1)
        way = argv[1];
    if (way == "mprotect")
        fiber::rt::limit_guards(fiber::rt::guard_support::mprotect);
    fiber::go({.name = "deep"}, [] {
        if (way == "qsort")
            return overflow_in_qsort(nullptr, nullptr);
        if (way == "large_frames")
            return overflow_by_large_frames(0);
        return overflow_by_frames(0);
    }).join();
}
