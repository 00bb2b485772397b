// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/machine.hpp"

#include "runtime/base/atomics/asymmetric_fence.hpp"
#include "runtime/base/lock/futex.hpp"
#include "runtime/sched/poller.hpp"

namespace fiber::rt {

void machine::enter_slow() noexcept { lease.enter_slow(); }

bool machine::sleep_until(clock::time_point deadline) noexcept {
    while (wake_word_.load(std::memory_order_acquire) == 0) { // [machine.wake]
        futex_wait(wake_word_, 0, deadline);
        if (deadline != never && wake_word_.load(std::memory_order_relaxed) == 0 && clock::now() >= deadline)
            return false;
    }
    wake_word_.store(0, std::memory_order_relaxed); // no wake() comes before the machine is on a list again
    return true;
}

bool machine::watch_until(poller& in, clock::time_point deadline, fiber_list& woken) noexcept {
    watched_.store(&in, std::memory_order_relaxed); // ordered by the fence
    full_fence();                                   // [machine.watch]
    bool due = false;
    while (wake_word_.load(std::memory_order_acquire) == 0 && woken.empty() && !due) { // [machine.wake]
        woken.push(in.wait(deadline));
        due = deadline != never && clock::now() >= deadline;
    }
    watched_.store(nullptr, std::memory_order_relaxed);  // ordered by the fence
    full_fence();                                        // [machine.watch]
    if (wake_word_.load(std::memory_order_acquire) == 0) // [machine.wake]
        return false;
    wake_word_.store(0, std::memory_order_relaxed); // as in sleep_until
    return true;
}

void machine::wake() noexcept {
    wake_word_.store(1, std::memory_order_release);                       // [machine.wake]
    full_fence();                                                         // [machine.watch]
    if (poller* const watched = watched_.load(std::memory_order_relaxed)) // ordered by the fence
        watched->interrupt();
    else
        futex_wake_one(wake_word_);
}

} // namespace fiber::rt
