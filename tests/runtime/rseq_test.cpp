// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// rseq_test.cpp: The revocation budget of rseq.

#include "tests/support/biased_unlock.hpp"
#include "tests/support/catch.hpp"

#include "runtime/base/atomics/rseq.hpp"

#include <fiber/runtime.hpp>

#include <cerrno>
#include <chrono>

namespace {

// Returns true if rseq works. An interrupt within a sequence makes one attempt fail, but not a
// thousand attempts in a row.
bool rseq_works() {
    for (int attempt = 0; attempt < 1'000; ++attempt)
        if (tests::biased_unlock_works())
            return true;
    return false;
}

} // namespace

// This test disables rseq for the rest of the process. No other test may depend on rseq.
TEST_CASE("rseq is disabled once its restarts exceed the budget, and then costs nothing", "[rseq]") {
    fiber::runtime const runtime({.processors = 1});
    errno = ERANGE;
    auto const began = std::chrono::steady_clock::now();
    while (rseq_works() || fiber::rt::within_revocation_budget())
        fiber::rt::rseq_barrier();
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(10));
    fiber::rt::rseq_barrier();
    fiber::rt::choose_rseq();
    CHECK_FALSE(rseq_works());
    CHECK_FALSE(fiber::rt::within_revocation_budget());
    CHECK(errno == ERANGE);
}
