// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_size_too_small: fibers and runtimes refuse a stack size below the minimum; the message names
// the minimum.

// stdout: go: .*least is [0-9]{4,}.*
// stdout: runtime: .*least is [0-9]{4,}.*
// stdout: the least itself works

#include <fiber/fiber.hpp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

int main() {
    std::size_t least = 0;
    try {
        fiber::go({.stack_size = 1}, [] { std::puts("must not run"); }).join();
    } catch (std::invalid_argument const& e) {
        std::printf("go: %s\n", e.what());
        std::string const what = e.what();
        least = std::strtoull(&what[what.find_first_of("0123456789", what.find("least"))], nullptr, 10);
    }
    try {
        fiber::runtime runtime({.stack_size = 1});
    } catch (std::invalid_argument const& e) {
        std::printf("runtime: %s\n", e.what());
    }
    fiber::go({.stack_size = least}, [] {}).join();
    std::puts("the least itself works");
}
