// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a party cost when ten thousand are started before the first is waited for?
#include "perf/rivals/fiber.hpp"
#include "perf/rivals/pthread.hpp"
#include "perf/workload.hpp"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <vector>

namespace perf {
namespace {

constexpr std::int64_t burst = 10'000;

// Appends up to n; fewer if the machine gives no more. At least one, or the exception goes on.
template <class Thread, class F>
void start_up_to(std::int64_t n, std::vector<Thread>& threads, F const& f) {
    for (; n > 0; --n) {
        try {
            threads.emplace_back(f);
        } catch (std::system_error const&) {
            if (threads.empty())
                throw;
            return;
        }
    }
}

template <class Rival>
nanoseconds start_many_then_join(std::int64_t n) {
    return Rival::run([n] {
        std::atomic<std::int64_t> ran = 0;
        std::vector<typename Rival::thread> threads;
        threads.reserve(burst);
        auto const start = clock::now();
        for (auto left = n; left > 0; left -= std::ssize(threads)) {
            threads.clear();
            start_up_to(std::min(left, burst), threads,
                        [&ran] { ran.fetch_add(1, std::memory_order_relaxed); });
            for (auto& t : threads)
                t.join();
        }
        auto const took = clock::now() - start;
        verify(ran == n, "every thread ran once");
        return took;
    });
}

} // namespace

workload const spawn_many{"spawn_many", "start 10,000, then join them: each",
                          start_many_then_join<rival::pthreads>, start_many_then_join<rival::fibers>};

} // namespace perf
