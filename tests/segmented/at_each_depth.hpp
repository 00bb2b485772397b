// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// at_each_depth.hpp: a call that meets the end of a segment at each place it can; and a recursion over many.
#pragma once

#include <fiber/runtime.hpp>

#include <cstddef>

namespace tests {

// The value is used, for all that the compiler knows.
template <class T>
void keep(T& value) {
    asm volatile("" : : "r"(&value) : "memory");
}

// One call of itself more moves a function by some 32 bytes (g++, optimised): in all, by a few times what a first
// segment has.
inline constexpr int depths = 400;

// Recurses through so many bytes of stack, 64 at the least at a time.
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
    keep(frame); // no tail call
}

// So f, and what it calls, is one function short of the end at each distance from it.
template <class F>
void at_each_depth(F f) {
    fiber::run([&f] {
        for (int n = 0; n < depths; ++n)
            lower(n, f);
    });
}

} // namespace tests
