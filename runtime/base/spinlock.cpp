// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/base/spinlock.hpp"

#include "runtime/base/cpu_relax.hpp"

#include <cerrno>
#include <ctime>
#include <sched.h>

namespace fiber::rt {
namespace {

constexpr int pauses = 30;      // about 1 µs: longer than any critical section of a holder that is running
constexpr int sched_yields = 8; // then the holder is not running; a CPU of its own is soon given to it
constexpr long nap_ns = 50'000; // or it shares ours, and needs it

} // namespace

[[gnu::cold, gnu::noinline]] void spin_until_free(std::atomic<std::uint32_t> const& word) noexcept {
    for (int round = 0;; ++round) {
        for (int i = 0; i < pauses; ++i) {
            if (word.load(std::memory_order_relaxed) == 0) // relaxed: the caller's exchange takes it
                return;
            cpu_relax();
        }
        int const saved_errno = errno;
        if (round < sched_yields) {
            ::sched_yield();
        } else {
            timespec const nap{0, nap_ns};
            ::nanosleep(&nap, nullptr);
        }
        errno = saved_errno;
    }
}

} // namespace fiber::rt
