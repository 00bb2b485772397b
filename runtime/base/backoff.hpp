// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// backoff.hpp: how an OS thread waits for another one that needs some instructions more, and may have lost
// its CPU.
#pragma once

#include "runtime/base/cpu_relax.hpp"

namespace fiber::rt {

// Each call waits a little longer. The first ones leave the CPU to threads of the same priority. The others
// sleep, for 50 µs at first and 1 ms in the end: a real-time thread (SCHED_FIFO) may wait for one of lower
// priority, to which it leaves the CPU only by sleeping. Keeps errno.
class backoff {
public:
    void operator()() noexcept;
    [[nodiscard]] int rounds() const noexcept { return rounds_; } // how many calls

private:
    int rounds_ = 0;
};

// Returns when done() is true, which another thread sees to.
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
