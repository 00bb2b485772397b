// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// thread_pin_discarded_by_other: discard by another fiber aborts. Only the pinned fiber may discard
// its OS thread.

// exit: abort
// stderr: fiber: fiber [0-9]+ "other" has discarded the OS thread of another fiber's fiber::thread_pin

#include <fiber/fiber.hpp>

int main() {
    fiber::run([&] {
        fiber::thread_pin pin;
        fiber::go({.name = "other"}, [&] { pin.discard(); }).join();
    });
}
