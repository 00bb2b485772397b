// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// ticket_test.cpp: rt::ticket and rt::wait_queue: claims, and the order of waiters.

#include "tests/support/catch.hpp"

#include "runtime/sched/fiber.hpp"
#include "runtime/wait/wait_queue.hpp"

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace rt = fiber::rt;

TEST_CASE("a contested wait is claimed once", "[ticket]") {
    rt::fiber who;
    auto const t = who.open_wait();
    CHECK_FALSE(rt::agent::is_claimed(t));
    CHECK(rt::agent::claim(t));
    CHECK(rt::agent::is_claimed(t));
    CHECK_FALSE(rt::agent::claim(t));
}

TEST_CASE("an uncontested wait always belongs to the caller", "[ticket]") {
    rt::fiber who;
    rt::ticket const t{&who};
    CHECK(rt::agent::claim(t));
    CHECK(rt::agent::mark_woken(t));
}

TEST_CASE("the second of parking and waking makes the agent runnable", "[ticket]") {
    rt::fiber who;
    SECTION("parked, then woken") {
        auto const t = who.open_wait();
        CHECK_FALSE(rt::agent::mark_parked(t));
        REQUIRE(rt::agent::claim(t));
        CHECK(rt::agent::mark_woken(t));
    }
    SECTION("woken, then parked") {
        auto const t = who.open_wait();
        REQUIRE(rt::agent::claim(t));
        CHECK_FALSE(rt::agent::mark_woken(t));
        CHECK(rt::agent::mark_parked(t));
    }
    SECTION("claimed, parked, woken") {
        auto const t = who.open_wait();
        REQUIRE(rt::agent::claim(t));
        CHECK_FALSE(rt::agent::mark_parked(t));
        CHECK(rt::agent::mark_woken(t));
    }
}

TEST_CASE("a ticket of an earlier wait claims nothing", "[ticket]") {
    rt::fiber who;
    auto const stale = who.open_wait();
    auto const fresh = who.open_wait();
    CHECK_FALSE(rt::agent::is_open(stale));
    CHECK_FALSE(rt::agent::claim(stale));
    CHECK(rt::agent::is_open(fresh));
    CHECK(rt::agent::claim(fresh));
}

TEST_CASE("exactly one of many claimers wins, and one side makes the agent runnable", "[ticket]") {
    constexpr int rounds = 2'000, claimers = 2;
    rt::fiber who;
    std::vector<std::atomic<std::uint64_t>> ids(rounds);
    std::atomic<int> wins{0}, readied{0};
    std::atomic<int> round_done{0};
    std::vector<std::thread> threads;
    for (int c = 0; c < claimers; ++c)
        threads.emplace_back([&] {
            for (std::size_t r = 0; r < rounds; ++r) {
                std::uint64_t id = 0;
                while ((id = ids[r].load(std::memory_order_acquire)) == 0)
                    std::this_thread::yield();
                rt::ticket const t{&who, id};
                if (rt::agent::claim(t)) {
                    wins.fetch_add(1);
                    if (rt::agent::mark_woken(t))
                        readied.fetch_add(1);
                    round_done.fetch_add(1);
                }
            }
        });
    for (std::size_t r = 0; r < rounds; ++r) {
        auto const t = who.open_wait();
        ids[r].store(t.wait_id, std::memory_order_release);
        if (rt::agent::mark_parked(t))
            readied.fetch_add(1);
        while (round_done.load() != static_cast<int>(r) + 1)
            std::this_thread::yield();
    }
    for (auto& t : threads)
        t.join();
    CHECK(wins.load() == rounds);
    CHECK(readied.load() == rounds);
}

TEST_CASE("a wait queue is first in, first out, and removes waiters at any position", "[wait_queue]") {
    rt::fiber who[4];
    fiber::detail::wait_list list;
    rt::waiter a{rt::ticket{&who[0]}}, b{rt::ticket{&who[1]}}, c{rt::ticket{&who[2]}}, d{rt::ticket{&who[3]}};
    rt::wait_queue q(list);
    CHECK(q.empty());
    CHECK(q.pop_front() == nullptr);
    q.push_back(a);
    q.push_back(b);
    q.push_back(c);
    q.push_front(d);
    CHECK(q.front() == &d);
    q.remove(b);
    CHECK_FALSE(b.queued());
    CHECK(q.pop_front() == &d);
    CHECK(q.pop_front() == &a);
    CHECK(c.queued());
    q.remove(c);
    CHECK(q.empty());
}

TEST_CASE("a waiter replaces another waiter at its position in a wait queue", "[wait_queue]") {
    std::array<rt::fiber, 4> who;
    for (std::size_t others = 0; others < 3; ++others)
        for (std::size_t place = 0; place <= others; ++place) {
            fiber::detail::wait_list list;
            rt::wait_queue queue(list);
            rt::waiter old{rt::ticket{&who[3]}}, fresh{rt::ticket{&who[3]}};
            rt::waiter a{rt::ticket{&who[0]}}, b{rt::ticket{&who[1]}};
            std::array<rt::waiter*, 2> const other{&a, &b};
            for (std::size_t i = 0, next = 0; i <= others; ++i)
                queue.push_back(i == place ? old : *other[next++]);
            queue.replace(old, fresh);
            CHECK_FALSE(old.queued());
            for (std::size_t i = 0, next = 0; i <= others; ++i)
                CHECK(queue.pop_front() == (i == place ? &fresh : other[next++]));
            CHECK(queue.empty());
        }
}

TEST_CASE("claim_front skips waits that have ended", "[wait_queue]") {
    rt::fiber who[2];
    fiber::detail::wait_list list;
    rt::wait_queue q(list);
    rt::waiter ended{who[0].open_wait()}, open{who[1].open_wait()};
    q.push_back(ended);
    q.push_back(open);
    REQUIRE(rt::agent::claim(ended.key));
    CHECK(q.claim_front() == &open);
    CHECK_FALSE(ended.queued());
    CHECK(q.claim_front() == nullptr);
}
