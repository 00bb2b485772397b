// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// machine.hpp: an OS thread that runs fibers (Go's M).
#pragma once

#include "runtime/base/clock.hpp"
#include "runtime/base/futex.hpp"
#include "runtime/base/os_thread.hpp"

#include "asm/switch.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

class fiber;
class processor;
class scheduler;

struct machine {
    machine(scheduler& s, processor& owned) noexcept : sched(s), p(&owned) {}

    scheduler& sched;
    processor* p;
    fiber* running = nullptr; // null: it stands in the scheduler context, looking for work
    arch::thread_state_slots thread;
    arch::context scheduler_context; // this OS thread's own stack

    bool searching = false;       // it holds one count of the scheduler's `searching`
    machine* next_idle = nullptr; // guarded by the idle list's lock, as the next
    bool enlisted = false;
    bool retired = false; // guarded by the scheduler's `retiring_`

    rt::os_thread os_thread;

    // Until wake(), which may have come already, or the deadline. False: the deadline.
    [[nodiscard]] bool sleep_until(clock::time_point deadline) noexcept {
        while (wake_word_.load(std::memory_order_acquire) == 0) { // [machine.wake]
            futex_wait(wake_word_, 0, deadline);
            if (deadline != never && wake_word_.load(std::memory_order_relaxed) == 0 &&
                clock::now() >= deadline)
                return false;
        }
        wake_word_.store(0, std::memory_order_relaxed); // nobody wakes it again before it is enlisted again
        return true;
    }
    // By the one that took it off the idle list.
    void wake() noexcept {
        wake_word_.store(1, std::memory_order_release); // [machine.wake]
        futex_wake_one(wake_word_);
    }

private:
    std::atomic<std::uint32_t> wake_word_{0};
};

} // namespace fiber::rt
