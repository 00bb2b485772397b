// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a task cost when many are started before the first is waited for?
#pragma once

#include "perf/workload.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <system_error>
#include <vector>

namespace perf {

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

// n in all, up to `burst` at once.
template <class Competitor>
nanoseconds start_many_then_join(std::int64_t n, std::int64_t burst) {
    return Competitor::run([n, burst] {
        std::atomic<std::int64_t> ran = 0;
        std::vector<typename Competitor::thread> threads;
        threads.reserve(static_cast<std::size_t>(burst));
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

} // namespace perf
