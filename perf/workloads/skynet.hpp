// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Can a tree of ten children each be a tree of tasks? Each node starts its children, adds up what they send
// it through an unbuffered channel, and sends the sum to its parent (github.com/atemerev/skynet).
#pragma once

#include "perf/workload.hpp"

#include <array>
#include <atomic>
#include <system_error>

namespace perf {

template <class Competitor>
struct tree {
    using chan = typename Competitor::template chan<std::int64_t>;

    // Counts the nodes, for a competitor that fails. One shared counter would cost more than the rest of a
    // node.
    struct alignas(64) tally {
        std::atomic<std::int64_t> n = 0;
    };
    static inline std::array<tally, 64> started;
    static inline std::int64_t all_leaves;

    static std::int64_t how_many() {
        std::int64_t sum = 0;
        for (auto const& part : started)
            sum += part.n;
        return sum;
    }

    static void node(chan const& parent, std::int64_t first, std::int64_t size) {
        if (size == 1)
            return parent.send(first);
        chan children(0);
        for (std::int64_t i = 0; i < 10; ++i)
            start(children, first + i * (size / 10), size / 10);
        std::int64_t sum = 0;
        for (int i = 0; i < 10; ++i)
            sum += children.recv().value();
        parent.send(sum);
    }

    static void start(chan const& parent, std::int64_t first, std::int64_t size) {
        try {
            Competitor::go([=] { node(parent, first, size); });
            auto const part = first * static_cast<std::int64_t>(started.size()) / all_leaves;
            started[static_cast<std::size_t>(part)].n.fetch_add(1, std::memory_order_relaxed);
        } catch (std::system_error const&) {
            cannot("fails at", how_many()); // ends the process: the other nodes would wait for good
        }
    }
};

// `leaves` is a power of ten.
template <class Competitor>
outcome grow_a_tree(std::int64_t leaves) {
    return Competitor::run([leaves] {
        tree<Competitor>::all_leaves = leaves;
        auto const start = clock::now();
        typename tree<Competitor>::chan result(0);
        tree<Competitor>::start(result, 0, leaves);
        auto const sum = result.recv();
        nanoseconds const took = clock::now() - start;
        verify(sum == leaves * (leaves - 1) / 2, "the leaves' numbers add up");
        return outcome{.value = static_cast<double>(took.count()), .tasks = leaves};
    });
}

} // namespace perf
