// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// thread_pin_kept: nobody could unpin the fiber's OS thread any more.

// exit: abort
// stderr: fiber: fiber [0-9]+ "careless" has ended before its fiber::thread_pin, which it must destroy

#include <fiber/fiber.hpp>

#include <memory>

int main() {
    std::unique_ptr<fiber::thread_pin> kept;
    fiber::go({.name = "careless"}, [&] { kept = std::make_unique<fiber::thread_pin>(); }).join();
}
