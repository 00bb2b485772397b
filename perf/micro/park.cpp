// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does it cost to park and to be woken by another task, through a condition variable: a round trip?
#include "perf/micro/micro.hpp"

#include <mutex>

namespace perf {
namespace {

// Two tasks take turns; each waits until the other has set the turn.
template <class Competitor>
void park_unpark(benchmark::State& state) {
    enum class turn { here, there, over } now = turn::here; // guarded by mutex
    typename Competitor::mutex mutex;
    typename Competitor::condition_variable here, there;
    typename Competitor::thread other([&] {
        std::unique_lock lock(mutex);
        for (;;) {
            there.wait(lock, [&] { return now != turn::here; });
            if (now == turn::over)
                return;
            now = turn::here;
            here.notify_one();
        }
    });
    for (auto _ : state) {
        std::unique_lock lock(mutex);
        now = turn::there;
        there.notify_one();
        here.wait(lock, [&] { return now == turn::here; });
    }
    {
        std::lock_guard lock(mutex);
        now = turn::over;
        there.notify_one();
    }
    other.join();
}

bool const registered = both("park_unpark", park_unpark<pthreads>, park_unpark<fibers>);

} // namespace
} // namespace perf
