// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// at_each_depth.hpp: makes a call meet the end of a segment at each possible place; and a recursion
// over many segments.
#pragma once

#include <fiber/runtime.hpp>

#include <cstddef>

namespace tests {

// Makes the compiler assume that the value is used.
template <class T>
void keep(T& value) {
    asm volatile("" : : "r"(&value) : "memory");
}

// Each further call of lower() moves a function by about 32 bytes (g++, optimised). All of them
// cover a few times the size of a first segment.
inline constexpr int depths = 400;

// Recurses through `bytes` bytes of stack, in steps of at least 64 bytes.
[[gnu::noinline]] inline std::size_t descend(std::size_t bytes) {
    volatile std::byte frame[64];
    frame[0] = std::byte{1};
    return bytes <= sizeof frame ? 1 : descend(bytes - sizeof frame) + static_cast<std::size_t>(frame[0]);
}

template <class F>
[[gnu::noinline]] void lower(int steps, F& f) {
    char frame = 0;
    keep(frame);
    if (steps == 0)
        f();
    else
        lower(steps - 1, f);
    keep(frame); // prevents a tail call
}

// Calls f at each distance from the end of a segment. At some depth f meets that end; at other depths
// each function that f calls meets it.
template <class F>
void at_each_depth(F f) {
    fiber::run([&f] {
        for (int n = 0; n < depths; ++n)
            lower(n, f);
    });
}

} // namespace tests
