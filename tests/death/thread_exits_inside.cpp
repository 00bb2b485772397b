// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// thread_exits_inside: pthread_exit in a fiber aborts, because it would end an OS thread that other
// fibers need.

// exit: abort
// stderr: fiber: fiber [0-9]+ "leaver" has called pthread_exit, or was cancelled, which is for OS threads: a fiber ends when its function returns

#include <fiber/fiber.hpp>

#include <pthread.h>

int main() {
    fiber::go({.name = "leaver"}, [] { ::pthread_exit(nullptr); }).join();
}
