// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lock_adaptive.hpp: locks a mutex of the process that machines lock often and hold for less than a
// microsecond. Sleeping takes a hundred times longer, so lock_adaptive() spins first.
//
// [fork.gate] A fork takes all these mutexes. A thread that sleeps for a std::mutex gets it only if
// the mutex is free when the thread runs again. With more running threads than CPUs, another thread
// has taken it again by then, many times in a row. Therefore the other threads let the fork go
// first:
//
//     fork                                     other threads, in lock_adaptive
//   1 lock the gate; fork_pending_ = true      1 if fork_pending_: lock and unlock the gate
//   2 lock the mutexes                         2 lock the mutex
//   3 fork; unlock the mutexes
//   4 fork_pending_ = false; unlock the gate
//
// Right.1 is a hint: a thread that reads an old value gets the mutex before the fork, or after it.
// No deadlock: the fork waits for no thread that waits at the gate. A caller of lock_adaptive holds
// no other of these mutexes, and no lock that the fork takes after left.1.
#pragma once

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/process/no_destructor.hpp"

#include <atomic>
#include <mutex>

namespace fiber::rt {

class fork_gate {
public:
    // Called by the thread that forks: close() before the fork, open() after it, in the parent and
    // in the child.
    static void close() noexcept {
        gate_.value.lock();
        fork_pending_.store(true, std::memory_order_relaxed); // a hint
    }
    static void open() noexcept {
        fork_pending_.store(false, std::memory_order_relaxed); // a hint
        gate_.value.unlock();
    }
    // Called by the other threads.
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
