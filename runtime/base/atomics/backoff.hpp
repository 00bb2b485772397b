// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// backoff.hpp: how an OS thread waits for another thread that needs a few more instructions, and
// may have lost its CPU.
#pragma once

#include "runtime/base/atomics/cpu_relax.hpp"

namespace fiber::rt {

// Each call waits longer. The first calls yield the CPU to threads of the same priority. Later
// calls sleep, from 50 µs up to 1 ms: a real-time thread (SCHED_FIFO) may wait for a thread of
// lower priority, which gets the CPU only if the waiting thread sleeps. Preserves errno.
class backoff {
public:
    void operator()() noexcept;
    [[nodiscard]] int rounds() const noexcept { return rounds_; } // the number of calls

private:
    int rounds_ = 0;
};

// Returns when done() is true. Another thread must make it true.
template <class Done>
void spin_until(Done const& done) noexcept {
    constexpr int polls = 64;
    for (backoff wait;; wait())
        for (int i = 0; i < polls; ++i) {
            if (done())
                return;
            cpu_relax();
        }
}

} // namespace fiber::rt
