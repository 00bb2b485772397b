// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_group_test.cpp: fiber::wait_group: the counter, waits, go, destruction.
#include "tests/support/catch.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/procs.hpp"

#include <fiber/go.hpp>
#include <fiber/wait_group.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;

namespace {

constinit fiber::wait_group constant_initialised;

static_assert(!std::is_copy_constructible_v<fiber::wait_group>);

} // namespace

TEST_CASE("a wait on a counter of zero returns at once", "[wait_group]") {
    constant_initialised.wait();
    CHECK(constant_initialised.wait_for(0s));
    fiber::run([] {
        fiber::wait_group wg;
        wg.wait();
        wg.add(2);
        wg.add(-2);
        wg.add(0);
        wg.wait();
        CHECK(wg.wait_for(-1s));
    });
}

TEST_CASE("wait returns after the last done, and sees all earlier writes", "[wait_group]") {
    tests::for_each_mix([](tests::mix const& mix) {
        constexpr int members = 20;
        fiber::wait_group wg;
        tests::expect expect;
        std::vector<int> results(members);
        wg.add(members);
        std::thread starter([&] {
            for (std::size_t i = 0; i < members; ++i)
                fiber::go([&, i] {
                    fiber::this_fiber::yield();
                    results[i] = 1;
                    wg.done();
                });
        });
        tests::run_concurrently(mix, [&](int task) {
            if (task % 2 == 0)
                wg.wait();
            else
                expect(wg.wait_for(1h), "in time");
            int sum = 0;
            for (int r : results)
                sum += r;
            expect(sum == members, "all results are there");
        });
        starter.join();
    });
}

TEST_CASE("done may be called by OS threads", "[wait_group]") {
    fiber::wait_group wg;
    wg.add(4);
    std::atomic<int> ended{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            ++ended;
            wg.done();
        });
    fiber::run([&] { wg.wait(); });
    CHECK(ended == 4);
    for (auto& t : threads)
        t.join();
}

TEST_CASE("a change below zero throws, and the counter stays", "[wait_group]") {
    fiber::wait_group wg;
    CHECK_THROWS_AS(wg.done(), std::logic_error);
    CHECK_THROWS_AS(wg.add(-3), std::logic_error);
    CHECK_THROWS_AS(wg.add(PTRDIFF_MIN), std::logic_error);
    wg.wait();

    wg.add(2);
    CHECK_THROWS_AS(wg.add(-3), std::logic_error);
    wg.done();
    CHECK_FALSE(wg.wait_for(0s));
    CHECK_THROWS_AS(wg.add(-2), std::logic_error); // also after a wait
    wg.done();
    CHECK(wg.wait_for(0s));
    CHECK_THROWS_AS(wg.done(), std::logic_error);
}

TEST_CASE("wait_for returns false after its time, and can be repeated", "[wait_group]") {
    auto const timed_waits = [] {
        fiber::wait_group wg;
        wg.add();
        auto const before = std::chrono::steady_clock::now();
        CHECK_FALSE(wg.wait_for(3ms));
        CHECK(std::chrono::steady_clock::now() - before >= 3ms);
        CHECK_FALSE(wg.wait_for(0s));
        CHECK_FALSE(wg.wait_for(-1h));
        auto h = fiber::go([&] { wg.done(); });
        CHECK(wg.wait_for(std::chrono::hours::max()));
        h.join();
    };
    SECTION("in a fiber") { tests::on_processors(timed_waits); }
    SECTION("in an OS thread") { timed_waits(); }
}

TEST_CASE("go counts its fiber until the fiber has ended", "[wait_group]") {
    tests::on_processors([] {
        fiber::wait_group wg;
        std::atomic<int> sum{0};
        for (int i = 1; i <= 10; ++i)
            wg.go(
                [&sum](int n) {
                    fiber::this_fiber::yield();
                    sum += n;
                },
                i);
        wg.wait();
        CHECK(sum == 55);
    });
}

TEST_CASE("the callable given to go is destroyed before wait returns", "[wait_group]") {
    tests::on_processors([] {
        auto const captured = std::make_shared<int>(1);
        auto const argument = std::make_shared<int>(2);
        fiber::wait_group wg;
        for (int i = 0; i < 8; ++i)
            wg.go([captured](std::shared_ptr<int> const&) { fiber::this_fiber::yield(); }, argument);
        wg.wait();
        CHECK(captured.use_count() == 1);
        CHECK(argument.use_count() == 1);
    });
}

TEST_CASE("go takes members, and move-only callables and arguments", "[wait_group]") {
    struct account {
        std::atomic<int> balance{0};
        void pay(std::unique_ptr<int> amount) { balance += *amount; }
    } a;
    fiber::wait_group wg;
    wg.go(&account::pay, &a, std::make_unique<int>(3));
    wg.go([amount = std::make_unique<int>(4), &a] { a.balance += *amount; });
    wg.wait();
    CHECK(a.balance == 7);
}

TEST_CASE("go by a fiber of the group keeps the group open", "[wait_group]") {
    tests::on_processors([] {
        fiber::wait_group wg;
        std::atomic<int> leaves{0};
        auto const grow = [&](auto const& self, int depth) -> void {
            if (depth == 0) {
                ++leaves;
                return;
            }
            for (int i = 0; i < 2; ++i)
                wg.go([&self, depth] { self(self, depth - 1); });
        };
        wg.go([&] { grow(grow, 5); });
        wg.wait();
        CHECK(leaves == 32);
    });
}

TEST_CASE("a wait_group serves one round after the other", "[wait_group]") {
    tests::on_processors([] {
        fiber::wait_group wg;
        std::atomic<int> count{0};
        for (int round = 1; round <= 100; ++round) {
            for (int i = 0; i < 3; ++i)
                wg.go([&] { ++count; });
            wg.wait();
            REQUIRE(count == 3 * round);
        }
    });
}

TEST_CASE("a wait_group may be destroyed once wait has returned", "[wait_group]") {
    tests::on_processors([] {
        for (int round = 0; round < 200; ++round) {
            auto wg = std::make_unique<fiber::wait_group>();
            for (int i = 0; i < 3; ++i)
                wg->go([] {});
            wg->wait();
        }
    });
}
