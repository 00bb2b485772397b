// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does an item cost on its way from one producer to one consumer, through a channel of capacity 128?
#pragma once

#include "perf/workload.hpp"

namespace perf {

template <class Competitor>
nanoseconds produce_and_consume(std::int64_t n) {
    return Competitor::run([n] {
        typename Competitor::template chan<std::int64_t> items(128);
        auto const start = clock::now();
        typename Competitor::thread producer([=] {
            for (std::int64_t i = 0; i < n; ++i)
                items.send(i);
            items.close();
        });
        std::int64_t received = 0, in_order = 0;
        while (auto v = items.recv())
            in_order += *v == received++;
        auto const took = clock::now() - start;
        producer.join();
        verify(received == n && in_order == n, "every item arrived once and in order");
        return took;
    });
}

} // namespace perf
