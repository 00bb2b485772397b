// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// last_error.hpp: reads errno in a fiber. Compilers keep the address of errno within a function, but after a
// wait the fiber may run on another OS thread.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace tests {

[[gnu::noinline]] inline int last_error() noexcept { return errno; }

// Ends the process unless a call that a test needs has succeeded. Concurrent fibers may not use the macros of
// Catch2.
inline void must(bool succeeded, char const* file = __builtin_FILE(), int line = __builtin_LINE()) noexcept {
    if (succeeded)
        return;
    std::fprintf(stderr, "%s:%d: a system call that the test needs has failed, errno %d\n", file, line,
                 last_error());
    std::abort();
}

} // namespace tests
