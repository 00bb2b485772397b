// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// [rseq.phase]
//   choose_rseq          rseq_barrier            a sequence
// 1 phase = used              1 the caller has stored      1 are sequences allowed?
// 2 allow sequences           2 full fence                 2 look at what the caller has stored
//                             3 phase: unused? Done        3 commit
//                             4 membarrier
//
//   If the middle is done at 3, 3 comes before left.1. A right.1 that goes on comes after left.2, so right.2 sees the store.
//   x86 keeps the order of those two loads, and no other architecture has sequences.
//
// A process that makes mutexes by the thousand and has each of them contended pays for each. So sequences are given up
// for good once the calls have cost more than they can bring. Then they are forbidden, and a last membarrier restarts those
// under way: they ask in the sequence itself whether they are allowed.
//
// Those that use sequences anew after a restart, and so bring about the next one, do so only while half of that is left. Each of
// them has cost one restart before: if all have to be restarted at once, that is no more than the other half.
#include "runtime/base/rseq.hpp"

#include "asm/rseq.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/cpu_relax.hpp"
#include "runtime/base/membarrier.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <linux/membarrier.h>
#include <utility>

namespace fiber::rt {
namespace {

enum class phase : std::uint8_t { unused, enabled, disabled };

constinit std::atomic<phase> reached{phase::unused};
constinit clock::time_point enabled_at;     // written before `used`
constinit std::atomic<clock::rep> spent{0}; // by all threads together, on membarriers

// What they may cost: about a thousand calls on two CPUs, for all the mutexes of a program that starts, and a hundredth of the
// time since then.
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

constinit bool chosen = false; // under the lock of runtimes that start, which a fork takes

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
    // acquire: enabled_at. relaxed: a sum
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
                      std::memory_order_release); // [rseq.phase] nobody is in one any more
    }
}

} // namespace fiber::rt
