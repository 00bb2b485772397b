// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chaos.hpp: random yields and sleeps with a seed: a stress test meets more interleavings with them.
//   fiber::go([i] { tests::chaos chaos(i); … chaos(); … });   // one per agent, numbered by the test
// The seed of the process is printed to stderr once (ctest shows it with a failure). FIBER_CHAOS_SEED=n
// repeats the decisions of each agent. It does not repeat the schedule of the machine.
#pragma once

#include <fiber/go.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace tests {

class chaos {
public:
    explicit chaos(std::uint64_t task = 0) noexcept : state_(seed() + task * 0xd1342543de82ef95) {}

    // Mostly does nothing, often yields, rarely yields several times or sleeps up to 100 µs.
    void operator()() {
        std::uint64_t const dice = below(256);
        if (dice == 0)
            fiber::this_fiber::sleep_for(std::chrono::microseconds(below(100)));
        else if (dice < 4)
            for (auto n = below(16); n > 0; --n)
                fiber::this_fiber::yield();
        else if (dice < 64)
            fiber::this_fiber::yield();
    }

    // Returns a random number in [0, n).
    std::uint64_t below(std::uint64_t n) noexcept { return next() % n; }

    // Returns the seed of this process.
    static std::uint64_t seed() {
        static std::uint64_t const value = [] {
            char const* const given = std::getenv("FIBER_CHAOS_SEED");
            std::uint64_t const s =
                given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
            std::fprintf(stderr, "to repeat: FIBER_CHAOS_SEED=%llu\n", static_cast<unsigned long long>(s));
            return s;
        }();
        return value;
    }

private:
    // splitmix64
    std::uint64_t next() noexcept {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    std::uint64_t state_;
};

} // namespace tests
