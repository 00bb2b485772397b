// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// thread_pin_discarded_by_other: which OS thread ends is said by the fiber that is pinned to it.

// exit: abort
// stderr: fiber: fiber [0-9]+ "other" has discarded the OS thread of another fiber's fiber::thread_pin

#include <fiber/fiber.hpp>

int main() {
    fiber::run([&] {
        fiber::thread_pin pin;
        fiber::go({.name = "other"}, [&] { pin.discard(); }).join();
    });
}
