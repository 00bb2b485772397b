// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "tests/support/catch.hpp"

#include "runtime/sched/fiber.hpp"
#include "runtime/sched/run_queue.hpp"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace rt = fiber::rt;

namespace {

std::unique_ptr<rt::fiber[]> some(std::size_t n) { return std::make_unique<rt::fiber[]>(n); }

} // namespace

TEST_CASE("a run queue is first in, first out", "[run_queue]") {
    auto const fibers = some(3);
    rt::run_queue q;
    CHECK(q.pop() == nullptr);
    for (std::size_t i = 0; i < 3; ++i)
        REQUIRE(q.push(fibers[i]));
    CHECK(q.size() == 3);
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(q.pop() == &fibers[i]);
    CHECK(q.empty());
}

TEST_CASE("a full run queue refuses, and gives its older half for the overflow", "[run_queue]") {
    auto const n = rt::run_queue::capacity;
    auto const fibers = some(n + 1);
    rt::run_queue q;
    for (std::uint32_t i = 0; i < n; ++i)
        REQUIRE(q.push(fibers[i]));
    CHECK_FALSE(q.push(fibers[n]));
    rt::run_queue::batch half;
    REQUIRE(q.take_half(half) == n / 2);
    for (std::uint32_t i = 0; i < n / 2; ++i)
        CHECK(half[i] == &fibers[i]);
    CHECK(q.push(fibers[n]));
    CHECK(q.pop() == &fibers[n / 2]);
}

TEST_CASE("a thief takes half, rounded up, and runs the oldest first", "[run_queue]") {
    auto const fibers = some(5);
    rt::run_queue victim, thief;
    CHECK(thief.steal_half_from(victim) == nullptr);
    for (std::size_t i = 0; i < 5; ++i)
        REQUIRE(victim.push(fibers[i]));
    CHECK(thief.steal_half_from(victim) == &fibers[0]);
    CHECK(thief.pop() == &fibers[1]);
    CHECK(thief.pop() == &fibers[2]);
    CHECK(thief.pop() == nullptr);
    CHECK(victim.size() == 2);
}

TEST_CASE("positions wrap around without losing a fiber", "[run_queue]") {
    auto const fibers = some(7);
    rt::run_queue q;
    for (int round = 0; round < 1000; ++round) {
        for (std::size_t i = 0; i < 7; ++i)
            REQUIRE(q.push(fibers[i]));
        for (std::size_t i = 0; i < 7; ++i)
            REQUIRE(q.pop() == &fibers[i]);
    }
}

TEST_CASE("owner and thieves together take each fiber exactly once", "[run_queue]") {
    constexpr std::size_t fibers_count = 20'000;
    constexpr int thieves = 3;
    auto const fibers = some(fibers_count);
    std::vector<std::atomic<int>> taken(fibers_count);
    rt::run_queue q;
    std::atomic<std::size_t> total{0};
    auto const take = [&](rt::fiber* g) {
        taken[static_cast<std::size_t>(g - fibers.get())].fetch_add(1);
        total.fetch_add(1);
    };
    std::vector<std::thread> threads;
    for (int t = 0; t < thieves; ++t)
        threads.emplace_back([&] {
            rt::run_queue mine;
            while (total.load() < fibers_count) {
                rt::fiber* g = mine.steal_half_from(q);
                if (g == nullptr)
                    std::this_thread::yield();
                for (; g != nullptr; g = mine.pop())
                    take(g);
            }
        });
    for (std::size_t i = 0; i < fibers_count;) {
        if (q.push(fibers[i])) {
            ++i;
        } else {
            rt::run_queue::batch half;
            for (auto n = q.take_half(half); n > 0; --n)
                take(half[n - 1]);
        }
        if (i % 3 == 0)
            if (rt::fiber* const g = q.pop())
                take(g);
    }
    while (rt::fiber* const g = q.pop())
        take(g);
    for (auto& t : threads)
        t.join();
    CHECK(total.load() == fibers_count);
    int wrong = 0;
    for (auto const& n : taken)
        wrong += n.load() != 1;
    CHECK(wrong == 0);
}
