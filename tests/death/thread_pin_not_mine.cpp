// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// thread_pin_not_mine: destroying another fiber's pin aborts, also in a fiber that has a pin.

// exit: abort
// stderr: fiber: fiber [0-9]+ "other" has destroyed a fiber::thread_pin of another fiber

#include <fiber/fiber.hpp>

#include <cstdlib>
#include <memory>

int main() {
    std::unique_ptr<fiber::thread_pin> pin;
    fiber::run([&] {
        pin = std::make_unique<fiber::thread_pin>();
        fiber::go({.name = "other"}, [&] {
            fiber::thread_pin const own;
            pin.reset();
            std::_Exit(0); // would hide a missing abort at reset(): destroying `own` might abort instead
        }).join();
    });
}
