// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chaos.hpp: seeded disorder, so that a stress test meets more interleavings than the scheduler would choose.
//   fiber::go([i] { tests::chaos chaos(i); … chaos(); … });   // one per party, numbered by the test
// The seed of the process goes to stderr once (ctest shows it with a failure). FIBER_CHAOS_SEED=n repeats the
// same decisions of each party; how the parties meet remains the machine's affair.
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
    explicit chaos(std::uint64_t party = 0) noexcept : state_(seed() + party * 0xd1342543de82ef95) {}

    // Mostly nothing, often a yield, rarely many of them or a short sleep.
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

    // A number in [0, n).
    std::uint64_t below(std::uint64_t n) noexcept { return next() % n; }

    // The seed of this process.
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
