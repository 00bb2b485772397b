// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// waiting_library.cpp: a library that makes a hooked call while it is loaded, and another while it is
// unloaded.

#include "tests/hook/short_wait.hpp"

#include <cstdlib>

namespace {

struct waiting {
    static void wait() {
        if (!tests::short_wait())
            std::abort();
    }
    waiting() { wait(); }
    ~waiting() { wait(); }
} const instance;

} // namespace
