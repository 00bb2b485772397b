// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// thread_pin_kept: a fiber that ends before its pin aborts, because no other fiber could unpin its
// OS thread.

// exit: abort
// stderr: fiber: fiber [0-9]+ "careless" has ended before its fiber::thread_pin, which it must destroy

#include <fiber/fiber.hpp>

#include <memory>

int main() {
    std::unique_ptr<fiber::thread_pin> kept;
    fiber::go({.name = "careless"}, [&] { kept = std::make_unique<fiber::thread_pin>(); }).join();
}
