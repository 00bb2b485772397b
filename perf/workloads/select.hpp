// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does an item cost to one task that selects from two unbuffered channels, each with a producer?
#pragma once

#include "perf/workload.hpp"

namespace perf {

template <class Competitor>
nanoseconds select_from_two(std::int64_t n) {
    if constexpr (!requires { Competitor::has_select; })
        cannot("has none");
    else
        return Competitor::run([n] {
            typename Competitor::template chan<std::int64_t> even(0), odd(0);
            std::int64_t const half = n / 2;
            auto const produce = [half](auto const& to, std::int64_t first) {
                for (std::int64_t i = 0; i < half; ++i)
                    to.send(first + 2 * i);
            };
            std::int64_t sum = 0;
            auto const start = clock::now();
            typename Competitor::thread evens([=] { produce(even, 0); });
            typename Competitor::thread odds([=] { produce(odd, 1); });
            for (std::int64_t i = 0; i < 2 * half; ++i)
                Competitor::receive_either(even, odd, [&](std::int64_t v) { sum += v; });
            auto const took = clock::now() - start;
            evens.join();
            odds.join();
            verify(sum == 2 * half * (2 * half - 1) / 2, "every item arrived once");
            return nanoseconds(took);
        });
}

} // namespace perf
