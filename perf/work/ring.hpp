// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a hop cost when a token goes round a ring of parties, each waiting on an unbuffered channel for
// the one before it? Each hop parks one and wakes another, and it is the turn of a party whose memory was
// last touched a whole round ago.
#pragma once

#include "perf/workload.hpp"

#include <cstddef>
#include <vector>

namespace perf {

template <class Rival>
nanoseconds pass_a_token(std::int64_t size, std::int64_t hops) {
    return Rival::run([size, hops] {
        using chan = typename Rival::template chan<std::int64_t>;
        auto const members = static_cast<std::size_t>(size);
        std::vector<chan> links;
        for (std::size_t i = 0; i < members; ++i)
            links.emplace_back(0);
        chan home(0);
        std::vector<typename Rival::thread> threads;
        threads.reserve(members);
        for (std::size_t i = 0; i < members; ++i)
            threads.emplace_back([home, in = links[i], out = links[(i + 1) % members], i] {
                while (auto left = in.recv()) {
                    if (*left > 0)
                        out.send(*left - 1);
                    else
                        home.send(static_cast<std::int64_t>(i));
                }
            });
        auto const pass = [&](std::int64_t n) {
            links[0].send(n);
            return home.recv().value();
        };
        pass(size); // all are there
        auto const start = clock::now();
        auto const last = pass(hops);
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
