// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// unlock_biased_test.cpp: fiber_arch_unlock_biased, instruction by instruction, and
// unlock_bias::subtract.

#include "tests/support/biased_unlock.hpp"
#include "tests/support/catch.hpp"

#include "asm/rseq/rseq.hpp"

#include <fiber/detail/unlock_bias.hpp>
#include <fiber/runtime.hpp>

#include <array>
#include <cstdint>
#include <signal.h>

#if defined(__x86_64__)
namespace {

namespace arch = fiber::arch;
using lock = std::array<std::uint8_t, 3>; // state, uncontended unlocks, bias
constexpr lock is_locked{1, 128, 0};
constexpr lock is_free{0, 0, 0};

// Returns true if the runtime has enabled rseq; returns false if this machine does not support it.
bool rseq_enabled() {
    fiber::runtime const runtime({.processors = 1});
    return tests::biased_unlock_works();
}

int volatile steps = 0;

// Runs f and raises a signal after each instruction.
template <class F>
void step_by_step(F f) {
    struct sigaction counting = {}, before = {};
    counting.sa_handler = [](int) { steps = steps + 1; };
    sigaction(SIGTRAP, &counting, &before);
    asm volatile("subq $128, %%rsp; pushfq; orq $0x100, (%%rsp); popfq; addq $128, %%rsp" ::: "memory", "cc");
    f();
    asm volatile("subq $128, %%rsp; pushfq; andq $-0x101, (%%rsp); popfq; addq $128, %%rsp" ::
                     : "memory", "cc");
    sigaction(SIGTRAP, &before, nullptr);
}

} // namespace

TEST_CASE("unlock_biased frees a biased lock by a plain store") {
    if (!rseq_enabled())
        return;
    lock l = is_locked;
    CHECK(fiber_arch_unlock_biased(&l));
    CHECK(l == is_free);
}

TEST_CASE("unlock_biased leaves an unbiased lock to a read-modify-write") {
    for (std::uint8_t bias = 1; bias <= 2; ++bias) {
        lock l = {1, 128, bias};
        CHECK_FALSE(fiber_arch_unlock_biased(&l));
        CHECK(l == lock{1, 128, bias});
    }
}

TEST_CASE("unlock_bias::subtract counts each unlock in the next byte") {
    if (!fiber::detail::may_unlock_biased)
        return;
    alignas(2) std::array<std::uint8_t, 4> l{2, 126, 1, 255};
    fiber::detail::unlock_bias bias;
    CHECK(bias.subtract(&l) == 2);
    CHECK(l == std::array<std::uint8_t, 4>{1, 127, 1, 255});
    CHECK(bias.subtract(&l) == 1);
    CHECK(l == std::array<std::uint8_t, 4>{0, 128, 1, 255});
    l[0] = 1;
    l[1] = 255;
    CHECK(bias.subtract(&l) == 1);
    CHECK(l == std::array<std::uint8_t, 4>{0, 0, 1, 255});
}

// Stands for a debugger, or for a thread that loses its CPU at the worst moment each time.
TEST_CASE("unlock_biased changes nothing if a signal interrupts each instruction") {
    if (!rseq_enabled())
        return;
    lock l = is_locked;
    bool unlocked = true;
    step_by_step([&] { unlocked = fiber_arch_unlock_biased(&l); });
    CHECK(steps > 10);
    CHECK_FALSE(unlocked);
    CHECK(l == is_locked);
}

TEST_CASE("unlock_biased changes nothing while rseq is disabled") {
    if (!rseq_enabled())
        return;
    lock l = is_locked;
    arch::disable_rseq();
    CHECK_FALSE(fiber_arch_unlock_biased(&l));
    CHECK(l == is_locked);
    arch::enable_rseq();
    CHECK(fiber_arch_unlock_biased(&l));
}
#endif
