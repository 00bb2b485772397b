// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// concurrent_run.hpp: runs one function in several fibers and OS threads at the same time.
#pragma once

#include "tests/support/catch.hpp"

#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <atomic>
#include <ostream>
#include <thread>
#include <vector>

namespace tests {

struct mix {
    int fibers;
    int threads;
    [[nodiscard]] int size() const { return fibers + threads; }
    friend std::ostream& operator<<(std::ostream& out, mix const& c) {
        return out << c.fibers << " fibers and " << c.threads << " threads";
    }
};

// Calls body(i) in each agent, numbered from 0, after all agents have started. Returns when all have ended.
// Every second fiber belongs to a second runtime.
template <class Body>
void run_concurrently(mix const& c, Body const& body) {
    fiber::runtime other({.processors = 2});
    std::atomic<int> missing{c.size()};
    auto const task = [&](int i) {
        for (--missing; missing != 0;)
            fiber::this_fiber::yield();
        body(i);
    };
    std::vector<std::thread> threads;
    std::vector<fiber::handle> fibers;
    for (int i = 0; i < c.fibers; ++i)
        fibers.push_back((i % 2 == 0 ? fiber::runtime::global() : other).go(task, i));
    for (int i = 0; i < c.threads; ++i)
        threads.emplace_back(task, c.fibers + i);
    for (auto& f : fibers)
        f.join();
    for (auto& t : threads)
        t.join();
}

// Calls body(mix) for fibers only, for OS threads only, and for both.
template <class Body>
void for_each_mix(Body const& body) {
    for (mix const& c : {mix{6, 0}, mix{0, 4}, mix{4, 2}}) {
        INFO(c);
        body(c);
    }
}

} // namespace tests
