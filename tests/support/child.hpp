// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// child.hpp: what runs in the child of a fork, and how that has ended.
#pragma once

#include "asm/sanitizer.hpp" // which one, if any

#include <cerrno>
#include <cstdio>
#include <exception>
#include <sys/wait.h>
#include <unistd.h>

namespace tests {

// How a child has ended: its exit status, or 128 and the signal.
inline int status_of(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Runs body in a child, which exits with 0 if it returned true; -1: there could be no child. Under the
// sanitizers the child only comes into being: ThreadSanitizer takes no more notice there of what the forking
// thread synchronises, and reports races without end; AddressSanitizer's allocator does not get over a fork:
// its locks stay as the vanished threads held them.
template <class Body>
int in_child(Body body) {
    constexpr unsigned max_child_seconds = 100; // seconds: a child that hangs is killed, and fails its test
    pid_t const child = ::fork();
    if (child < 0)
        return -1;
#if defined(FIBER_TSAN) || defined(FIBER_ASAN)
    if (child == 0)
        ::_exit(0);
#endif
    if (child == 0) {
        ::alarm(max_child_seconds);
        int status = 1;
        try {
            status = body() ? 0 : 1;
        } catch (std::exception const& e) {
            std::fprintf(stderr, "in a child: %s\n", e.what());
            status = 2;
        }
        ::_exit(status);
    }
    return status_of(child);
}

} // namespace tests
