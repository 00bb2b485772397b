// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// runtime_destroyed_inside: a fiber destroys its runtime, which would wait for that fiber. One line
// is printed, and the program aborts.

// exit: abort
// stderr: fiber: .*runtime.*

#include <fiber/fiber.hpp>

#include <memory>

int main() {
    auto runtime = std::make_unique<fiber::runtime>(fiber::runtime_options{.processors = 1});
    runtime->run([&] { runtime.reset(); });
}
