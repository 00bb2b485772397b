// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fork_while_first_used: a thread forks at every moment of the library's first use by other threads,
// while objects are made once. The child finds none of their locks held. Guards are made by mprotect
// here, as before Linux 6.13. The first such guard reads the limit of map entries from a file, which
// is slow enough for a fork to hit it.

// env: FIBER_PROCS=2
// stdout: no child hangs

#include "runtime/stack/slab.hpp"

#include <fiber/fiber.hpp>

#include <chrono>
#include <cstdio>
#include <sys/wait.h>
#include <unistd.h>

namespace {

bool ended_well(pid_t child) {
    int status = 0;
    return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Runs in a process that has not used the library. Forks when `time` has passed since the first use.
bool fork_after(std::chrono::nanoseconds time) {
    fiber::rt::limit_guards(fiber::rt::guard_support::mprotect);
    fiber::go([] {});
    auto const until = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < until)
        ;
    pid_t const child = ::fork();
    if (child == 0) {
        ::alarm(20); // ends a child that hangs
        fiber::run([] {});
        ::_exit(0);
    }
    return ended_well(child);
}

} // namespace

int main() {
    constexpr int tries = 800, max_hanging = 2;
    int hanging = 0;
    for (int i = 0; i < tries && hanging < max_hanging; ++i) {
        pid_t const child = ::fork();
        if (child == 0)
            ::_exit(fork_after(std::chrono::nanoseconds(i % 400 * 500)) ? 0 : 1);
        hanging += ended_well(child) ? 0 : 1;
    }
    if (hanging == 0)
        std::puts("no child hangs");
}
