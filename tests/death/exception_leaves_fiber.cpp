// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exception_leaves_fiber: terminates, after a line that names the fiber and the exception.

// exit: abort
// stderr: fiber: .*fiber [0-9]+.*"worker".*no such luck.*
// stderr: ...

#include <fiber/fiber.hpp>

#include <stdexcept>

int main() {
    fiber::go({.name = "worker"}, [] { throw std::runtime_error("no such luck"); }).join();
}
