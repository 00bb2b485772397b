// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// child.hpp: runs a function in the child of a fork, and returns how the child has ended.
#pragma once

#include "asm/sanitizer.hpp" // which one, if any

#include <cerrno>
#include <cstdio>
#include <exception>
#include <sys/wait.h>
#include <unistd.h>

namespace tests {

// Waits for a child. Returns its exit status, or 128 plus the number of the signal that has ended it.
inline int status_of(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Runs body in a child, which exits with 0 if body returns true. Returns -1 if the fork fails. Under the
// sanitizers the child exits at once:
//   ThreadSanitizer    ignores what the forking thread synchronises in the child, and reports false races
//   AddressSanitizer   has locks in its allocator, which stay as the threads of the parent held them
template <class Body>
int in_child(Body body) {
    constexpr unsigned max_child_seconds = 100; // a child that hangs is killed after this time
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
