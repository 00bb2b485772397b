// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does an item cost on its way from four producers to four consumers, through one channel of capacity
// 128?
#pragma once

#include "perf/workload.hpp"

#include <numeric>
#include <vector>

namespace perf {

template <class Competitor>
nanoseconds four_to_four(std::int64_t n) {
    return Competitor::run([n] {
        constexpr std::int64_t tasks = 4;
        std::int64_t const each = n / tasks;
        typename Competitor::template chan<std::int64_t> items(128);
        std::vector<std::int64_t> received(tasks), sums(tasks);
        std::vector<typename Competitor::thread> producers, consumers;
        auto const start = clock::now();
        for (std::int64_t p = 0; p < tasks; ++p) {
            producers.emplace_back([=] {
                for (std::int64_t i = 0; i < each; ++i)
                    items.send(i);
            });
            consumers.emplace_back([=, &count = received[static_cast<std::size_t>(p)],
                                    &total = sums[static_cast<std::size_t>(p)]] {
                std::int64_t own_count = 0, own_total = 0;
                while (auto v = items.recv()) {
                    ++own_count;
                    own_total += *v;
                }
                count = own_count;
                total = own_total;
            });
        }
        for (auto& p : producers)
            p.join();
        items.close();
        for (auto& c : consumers)
            c.join();
        auto const took = clock::now() - start;
        verify(std::accumulate(received.begin(), received.end(), std::int64_t{0}) == tasks * each &&
                   std::accumulate(sums.begin(), sums.end(), std::int64_t{0}) ==
                       tasks * (each * (each - 1) / 2),
               "every item arrived once");
        return nanoseconds(took);
    });
}

} // namespace perf
