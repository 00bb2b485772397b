// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "tests/support/catch.hpp"

#include "runtime/base/rseq.hpp"

#include <fiber/detail/unlock_biased.hpp>
#include <fiber/runtime.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>

namespace {

// An interrupt within a sequence makes it fail, too. It does not hit a thousand in a row.
bool rseq_works() {
    for (int attempt = 0; attempt < 1'000; ++attempt) {
        std::array<std::uint8_t, 3> lock{1, 1, 0};
        if (fiber::detail::unlock_biased(&lock))
            return true;
    }
    return false;
}

} // namespace

// From here on this process does without, which no other case may mind.
TEST_CASE("sequences are given up once restarting them has cost too much, and cost nothing then", "[rseq]") {
    fiber::runtime const runtime({.processors = 1});
    errno = ERANGE;
    auto const began = std::chrono::steady_clock::now();
    while (rseq_works())
        fiber::rt::rseq_barrier();
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(10));
    fiber::rt::rseq_barrier();
    fiber::rt::choose_rseq();
    CHECK_FALSE(rseq_works());
    CHECK_FALSE(fiber::rt::within_revocation_budget());
    CHECK(errno == ERANGE);
}
