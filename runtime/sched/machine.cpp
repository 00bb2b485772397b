// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/machine.hpp"

#include "runtime/base/lock/futex.hpp"

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

void machine::wake() noexcept {
    wake_word_.store(1, std::memory_order_release); // [machine.wake]
    futex_wake_one(wake_word_);
}

} // namespace fiber::rt
