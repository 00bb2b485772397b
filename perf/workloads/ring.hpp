// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a hop cost when a token goes round a ring of tasks, each waiting on an unbuffered channel for the
// one before it? In each hop one task parks and another one runs. The memory of the
// other was last used a round ago.
//
// The token starts before the tasks wait, and does not stop between the round that warms up and the measured
// hops. Boost.Fiber needs this: a sender waits there until its value is taken. If the token never stops, each
// task finds it in its channel and parks once a hop, to send. If all wait when it starts, each parks twice.
#pragma once

#include "perf/workload.hpp"

#include <cstddef>
#include <vector>

namespace perf {

template <class Competitor>
nanoseconds pass_a_token(std::int64_t size, std::int64_t hops) {
    return Competitor::run([size, hops] {
        using chan = typename Competitor::template chan<std::int64_t>;
        auto const members = static_cast<std::size_t>(size);
        std::vector<chan> links;
        for (std::size_t i = 0; i < members; ++i)
            links.emplace_back(0);
        chan home(0);
        clock::time_point start; // written by the task that begins the measured hops
        std::vector<typename Competitor::thread> threads;
        threads.reserve(members);
        for (std::size_t i = 0; i < members; ++i)
            threads.emplace_back([home, in = links[i], out = links[(i + 1) % members], i, hops, &start] {
                while (auto left = in.recv()) {
                    if (*left == hops)
                        start = clock::now();
                    if (*left > 0)
                        out.send(*left - 1);
                    else
                        home.send(static_cast<std::int64_t>(i));
                }
            });
        links[0].send(size + hops);
        auto const last = home.recv().value();
        auto const took = clock::now() - start;
        for (auto& link : links)
            link.close();
        for (auto& t : threads)
            t.join();
        verify(last == hops % size, "the token stopped where it should");
        return nanoseconds(took);
    });
}

} // namespace perf
