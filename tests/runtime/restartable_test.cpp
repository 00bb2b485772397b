// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "tests/support/catch.hpp"

#include "runtime/base/restartable.hpp"

#include <fiber/detail/unlock_alone.hpp>
#include <fiber/runtime.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>

namespace {

// An interrupt within a sequence makes it fail, too. It does not hit a thousand in a row.
bool sequences_work() {
    for (int attempt = 0; attempt < 1'000; ++attempt) {
        std::array<std::uint8_t, 3> lock{1, 1, 0};
        if (fiber::detail::unlock_alone(&lock))
            return true;
    }
    return false;
}

} // namespace

// From here on this process does without, which no other case may mind.
TEST_CASE("sequences are given up once restarting them has cost too much, and cost nothing then",
          "[restartable]") {
    fiber::runtime const runtime({.processors = 1});
    errno = ERANGE;
    auto const began = std::chrono::steady_clock::now();
    while (sequences_work())
        fiber::rt::restart_sequences();
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(10));
    fiber::rt::restart_sequences();
    fiber::rt::choose_restartable();
    CHECK_FALSE(sequences_work());
    CHECK_FALSE(fiber::rt::restarts_are_cheap());
    CHECK(errno == ERANGE);
}
