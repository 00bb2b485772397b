// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// thread_destroyed_joinable: a joinable fiber::thread terminates the process, as std::thread does. A
// joinable handle detaches.

// exit: abort
// stdout: the handle let go
// stderr: ...

#include <fiber/fiber.hpp>

#include <cstdio>

int main() {
    {
        fiber::handle handle = fiber::go([] {});
    }
    std::puts("the handle let go");
    std::fflush(stdout);
    {
        fiber::thread thread([] {});
    }
    std::puts("not reached");
}
