// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// parks_in_leaf_call: code on the OS thread's stack, here at the end of a handler, must not park. A
// park there prints one line and aborts.

// exit: abort
// stderr: fiber: a fiber has parked inside of a call that fiber::segmented makes on the OS thread's own stack: .*

#include <fiber/fiber.hpp>

#include <chrono>

struct parks_at_its_end {
    ~parks_at_its_end() { fiber::this_fiber::sleep_for(std::chrono::milliseconds(1)); }
};

[[gnu::noinline]] void throw_one() { throw parks_at_its_end(); }

int main() {
    fiber::run([] {
        try {
            throw_one();
        } catch (parks_at_its_end const&) {
        }
    });
}
