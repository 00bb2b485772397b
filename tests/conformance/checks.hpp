// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// checks.hpp: for programs that are compiled unchanged with STD=std and with STD=fiber. Each program
// prints its checks. Both builds must print the same.
#pragma once

#include "tests/support/code_of.hpp"

#include <fiber/fiber.hpp>

#include <cstdio>
#include <cstdlib>

namespace std_ = STD;
using tests::code_of;

inline int failures = 0;

inline void check(bool held, char const* what, int line = __builtin_LINE()) {
    if (held)
        return;
    ++failures;
    std::printf("line %d: does not hold: %s\n", line, what);
}

template <class Error, class F>
bool throws(F f) {
    try {
        f();
    } catch (Error const&) {
        return true;
    }
    return false;
}

// Returns the exit status of main.
inline int verdict() {
    std::printf("%d failures\n", failures);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
