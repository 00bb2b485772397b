// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a short critical section cost when a hundred parties want it?
#include "perf/parties.hpp"
#include "perf/rivals/fiber.hpp"
#include "perf/rivals/pthread.hpp"

#include <mutex>

namespace perf {
namespace {

constexpr std::int64_t parties = 100;

template <class Rival>
nanoseconds count_under_a_lock(std::int64_t n) {
    return Rival::run([n] {
        typename Rival::mutex mutex;
        std::int64_t locked = 0; // guarded by mutex
        auto const took = together<Rival>(parties, n, [&](std::int64_t rounds) {
            for (std::int64_t i = 0; i < rounds; ++i) {
                std::lock_guard lock(mutex);
                ++locked;
            }
        });
        verify(locked == (n + parties - 1) / parties * parties, "no increment under the lock was lost");
        return took;
    });
}

} // namespace

workload const contended_mutex{"mutex", "mutex, 100 parties: lock, add, unlock",
                               count_under_a_lock<rival::pthreads>, count_under_a_lock<rival::fibers>};

} // namespace perf
