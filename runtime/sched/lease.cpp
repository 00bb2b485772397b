// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/lease.hpp"

#include "runtime/base/atomics/relaxed.hpp"
#include "runtime/base/lock/futex.hpp"
#include "runtime/base/platform/clock.hpp"

#include <algorithm>
#include <chrono>

namespace fiber::rt {
namespace {

constinit relaxed<clock::duration> average_cost{}; // of all runtimes

} // namespace

void lease::enter_slow() noexcept {
    light_fence();                                                           // [lease]
    while ((entry_flags_.load(std::memory_order_acquire) & revoking) != 0) { // [lease]
        leave();
        acknowledged_.store(1, std::memory_order_relaxed); // relaxed: the taker that it wakes reads inside_
        futex_wake_one(acknowledged_);
        set_held_up(true);
        revocation_lock_.lock(); // waits for the taker
        revocation_lock_.unlock();
        inside_.store(true, std::memory_order_relaxed); // relaxed: the fence orders it
        light_fence();                                  // [lease]
    }
    set_held_up(false);
}

void lease::begin_revocation() noexcept {
    acknowledged_.store(0, std::memory_order_relaxed);
    entry_flags_.store(needs_fence_ | revoking, std::memory_order_release); // publishes the zero
    auto const begin = clock::now();
    heavy_fence(); // [lease]
    // An average over the last ones. A longer time means that the caller has lost its CPU.
    constexpr clock::duration longest = std::chrono::microseconds(100);
    clock::duration const average = average_cost;
    average_cost = average + (std::min(clock::now() - begin, longest) - average) / 8;
}

clock::duration cost_of_revocation() noexcept { return average_cost; }

// Waits until the machine has left the runtime, or has stepped out in M3. Waits 500 µs at most,
// because the machine may have lost its CPU, or be in a system call.
void lease::wait_until_outside() noexcept {
    for (int spins = 100; spins > 0 && inside(); --spins)
        cpu_relax();
    if (inside()) // no loop: after a spurious wake-up the taker gives up, and tries again later
        futex_wait(acknowledged_, 0, clock::now() + std::chrono::microseconds(500));
}

void lease::end_revocation() noexcept {
    entry_flags_.store(needs_fence_, std::memory_order_release); // [lease]
}

} // namespace fiber::rt
