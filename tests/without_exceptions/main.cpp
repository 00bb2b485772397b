// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// main.cpp: compiled with exceptions, and linked with part.cpp, which is compiled without. Values
// pass between the two files. An exception is caught as usual if it passes no frame of part.cpp.

// stdout: twice 21 is 42
// stdout: caught fiber::chan: send to a closed channel
// stdout: caught out of a fiber
// stdout: numbers of contexts: 1 2

#include "tests/without_exceptions/part.hpp"

#include <fiber/fiber.hpp>

#include <cstdio>
#include <exception>
#include <stdexcept>

namespace {

template <class Body>
void print_caught(Body const& body) {
    try {
        body();
    } catch (std::exception const& e) {
        std::printf("caught %s\n", e.what());
    }
}

} // namespace

int main() {
    std::printf("twice 21 is %d\n", twice(fiber::async([] { return 21; })).get());

    fiber::chan<int> const numbers(3);
    fill(numbers);
    print_caught([&] { numbers.send(4); });
    print_caught([] { fiber::async([]() -> int { throw std::runtime_error("out of a fiber"); }).get(); });

    auto const root = fiber::context::background();
    std::printf("numbers of contexts: %d %d\n", number_of(fiber::context::with_value(root, 1)),
                *with_number(root, 2).value<int>());
}
