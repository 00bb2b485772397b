// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// rseq.cpp: when restartable sequences are enabled, and when their barriers have become too expensive.
//
// [rseq.phase]
//   choose_rseq              rseq_barrier                      a sequence
//   left.1 phase = enabled   middle.1 the caller has stored    right.1 sequences are enabled? else fail
//   left.2 enable sequences  middle.2 full fence               right.2 read what the caller has stored
//                            middle.3 phase unused: return     right.3 commit
//                            middle.4 membarrier
//
// Claim: if middle.3 returns, each sequence that passes right.1 sees the store of middle.1.
//   1 middle.3 has read `unused`, so it precedes left.1.
//   2 A sequence that passes right.1 has read the value of left.2, so right.1 follows left.2.
//   3 middle.2 precedes middle.3, so right.2 sees the store of middle.1.
//   Step 3 needs right.1 and right.2 in order. x86 keeps the order of two loads, and no other
//   architecture has sequences here.
// If middle.3 finds the phase `disabled`, no sequence can commit any more. If it finds `enabled`, middle.4
// restarts every running sequence.
//
// A program that creates many mutexes, each of which becomes contended, pays for a barrier for each. When
// all barriers together have cost more than the budget, sequences are disabled for good. The last membarrier
// restarts the running sequences. Right.1 is inside of the sequence, so they see that they are disabled.
//
// A mutex may rebias only while half of the budget is left. It has already paid for one barrier, so
// revoking all rebiased mutexes at once costs at most the other half.
#include "runtime/base/atomics/rseq.hpp"

#include "asm/rseq/rseq.hpp"
#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/atomics/membarrier.hpp"
#include "runtime/base/platform/clock.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <linux/membarrier.h>
#include <utility>

namespace fiber::rt {
namespace {

enum class phase : std::uint8_t { unused, enabled, disabled };

constinit std::atomic<phase> reached{phase::unused};
constinit clock::time_point enabled_at;     // written before `enabled`
constinit std::atomic<clock::rep> spent{0}; // by all threads, on membarriers

// The budget of barriers: `allowance`, about a thousand barriers, for the mutexes of a program that
// starts, and one part in `share` of the time since enabled_at. No benchmark exceeds it;
// tests/runtime/rseq_test.cpp does.
constexpr auto allowance = std::chrono::milliseconds(10);
constexpr int share = 100;

[[nodiscard]] clock::duration budget(clock::time_point now) noexcept {
    return allowance + (now - enabled_at) / share;
}

[[nodiscard]] bool exceeds_budget(clock::duration one, clock::time_point now) noexcept {
    // relaxed: a sum
    auto const all = clock::duration(spent.fetch_add(one.count(), std::memory_order_relaxed)) + one;
    return all > budget(now);
}

constinit bool chosen = false; // guarded by the lock of runtimes that start, which fork() takes

void membarrier_rseq() noexcept { membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ); }

} // namespace

void choose_rseq() noexcept {
    if (std::exchange(chosen, true))
        return;
    if (!arch::has_rseq() || !register_membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ))
        return;
    enabled_at = clock::now();
    reached.store(phase::enabled, std::memory_order_release); // [rseq.phase]
    arch::enable_rseq();
}

bool within_revocation_budget() noexcept {
    // acquire: enabled_at is visible. relaxed: a sum
    return reached.load(std::memory_order_acquire) == phase::enabled && // [rseq.phase]
           clock::duration(spent.load(std::memory_order_relaxed)) <= budget(clock::now()) / 2;
}

void rseq_barrier() noexcept {
    full_fence();                                                  // [rseq.phase]
    if (reached.load(std::memory_order_acquire) != phase::enabled) // [rseq.phase]
        return;
    auto const began = clock::now();
    membarrier_rseq();
    auto const ended = clock::now();
    if (exceeds_budget(ended - began, ended)) {
        arch::disable_rseq();
        membarrier_rseq();
        reached.store(phase::disabled,
                      std::memory_order_release); // [rseq.phase] no sequence is running any more
    }
}

} // namespace fiber::rt
