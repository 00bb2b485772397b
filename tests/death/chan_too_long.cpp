// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chan_too_long: a negative capacity, or a capacity beyond the memory, throws length_error. The next
// channel works.

// stdout: SIZE_MAX: .+
// stdout: SIZE_MAX / 4 of 8 bytes: .+
// stdout: -1: .+
// stdout: received 7

#include <fiber/fiber.hpp>

#include <cstdint>
#include <cstdio>
#include <stdexcept>

namespace {

template <class T, class Capacity>
void try_make(char const* what, Capacity capacity) {
    try {
        fiber::chan<T> c(capacity);
        std::printf("%s: made one of %zu\n", what, c.capacity());
    } catch (std::length_error const& e) {
        std::printf("%s: %s\n", what, e.what());
    }
}

} // namespace

int main() {
    try_make<int>("SIZE_MAX", SIZE_MAX);
    try_make<std::uint64_t>("SIZE_MAX / 4 of 8 bytes", SIZE_MAX / 4);
    try_make<int>("-1", -1);
    fiber::chan<int> c(1);
    c.send(7);
    std::printf("received %d\n", c.recv().value());
}
