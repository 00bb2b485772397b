// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lock_adaptive.hpp: for the mutexes of the process that machines want all the time, and hold for some hundred
// nanoseconds. To sleep for one takes a hundred times as long, so it is tried for some time first.
//
// [fork.gate] A fork takes them all. A thread that sleeps for a std::mutex gets it only if it finds it free
// when it has its CPU again. Where more threads run than there are CPUs, the others have taken it again by
// then, time after time: 30 ms for a fork. Therefore they let the fork go first:
//
//     fork                                     others, in lock_adaptive
//   1 lock the gate; a fork is coming          1 a fork is coming: lock the gate, and unlock it
//   2 lock the mutexes                         2 lock the mutex
//   3 fork; unlock the mutexes
//   4 no fork is coming; unlock the gate
//
//   Right.1 is a hint: one that does not see it gets the mutex before the fork, or after it. The fork waits
//   for nobody who waits at the gate: no caller of lock_adaptive has another of these mutexes, or a lock that
//   the fork takes after left.1.
#pragma once

#include "runtime/base/cpu_relax.hpp"
#include "runtime/base/no_destructor.hpp"

#include <atomic>
#include <mutex>

namespace fiber::rt {

class fork_gate {
public:
    // By the thread that forks, before the fork; and after it, in the parent and in the child.
    static void close() noexcept {
        gate_.value.lock();
        fork_pending_.store(true, std::memory_order_relaxed); // a hint
    }
    static void open() noexcept {
        fork_pending_.store(false, std::memory_order_relaxed); // a hint
        gate_.value.unlock();
    }
    // By the others.
    static void pass() noexcept {
        if (fork_pending_.load(std::memory_order_relaxed)) // a hint
            std::lock_guard const wait(gate_.value);
    }

private:
    static constinit inline std::atomic<bool> fork_pending_{false};
    static constinit inline no_destructor<std::mutex> gate_;
};

[[nodiscard]] inline std::unique_lock<std::mutex> lock_adaptive(std::mutex& m) {
    constexpr int tries = 100;
    fork_gate::pass();
    for (int i = 0; i < tries; ++i) {
        if (m.try_lock())
            return {m, std::adopt_lock};
        cpu_relax();
    }
    return std::unique_lock(m);
}

} // namespace fiber::rt
