// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// time_test.cpp: tests of after and ticker.
#include "tests/support/catch.hpp"

#include <fiber/chan.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>
#include <fiber/select.hpp>
#include <fiber/time.hpp>

#include <atomic>
#include <chrono>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

using fiber::op_status;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

TEST_CASE("after sends the time once", "[time]") {
    auto const start = steady::now();
    auto const late = fiber::after(5ms), soon = fiber::after(1ms), now = fiber::after(0s);
    for (auto const& [channel, least] : {std::pair(now, 0ms), std::pair(soon, 1ms), std::pair(late, 5ms)}) {
        auto const when = channel.recv().value();
        CHECK(when - start >= least);
        CHECK(when <= steady::now());
        steady::time_point again;
        CHECK(channel.try_recv(again) == op_status::empty);
        CHECK_FALSE(channel.closed());
    }
}

TEST_CASE("select accepts after as a case", "[time][select]") {
    fiber::chan<int> const never;
    CHECK(fiber::select(fiber::on_recv(never, [](auto) {}), fiber::on_recv(fiber::after(1ms), [](auto) {}),
                        fiber::on_recv(fiber::after(1h), [](auto) {})) == 1);
}

TEST_CASE("after with an infinite duration never sends", "[time]") {
    steady::time_point when;
    CHECK(fiber::after(steady::duration::max()).recv_for(when, 1ms) == op_status::timeout);
    CHECK(fiber::after(std::chrono::hours::max()).recv_for(when, 1ms) == op_status::timeout);
}

TEST_CASE("alarms fire in the order of their times", "[time]") {
    std::mt19937 random(1);
    std::vector<fiber::receiver<steady::time_point>> all;
    std::vector<steady::time_point> due;
    for (int i = 0; i < 500; ++i) {
        auto const d = std::chrono::microseconds(random() % 20'000);
        due.push_back(steady::now() + d);
        all.push_back(fiber::after(d));
        if (i % 3 == 0) // drops some before their time
            all.back() = nullptr;
    }
    for (std::size_t i = 0; i < all.size(); ++i)
        if (all[i])
            CHECK(all[i].recv().value() >= due[i]);
}

TEST_CASE("dropped times start no fibers", "[time]") {
    auto const before = fiber::runtime::global().stats().fibers_live;
    for (int i = 0; i < 100'000; ++i)
        static_cast<void>(fiber::after(1h + std::chrono::nanoseconds(i)));
    CHECK(fiber::runtime::global().stats().fibers_live <= before + 1);
}

TEST_CASE("times are requested and dropped concurrently", "[time]") {
    fiber::runtime rt;
    std::atomic<int> came{0};
    std::vector<fiber::handle> all;
    for (unsigned i = 0; i < 16; ++i)
        all.push_back(rt.go([&, i] {
            std::mt19937 random(i);
            for (int k = 0; k < 200; ++k) {
                auto const t = fiber::after(std::chrono::microseconds(random() % 100));
                if (random() % 2 == 0)
                    came += t.recv() ? 1 : 0;
                else
                    ++came;
            }
        }));
    for (auto& h : all)
        h.join();
    CHECK(came == 16 * 200);
}

TEST_CASE("a ticker ticks until it is stopped, and again after reset", "[time]") {
    auto last = steady::now();
    fiber::ticker ticker(2ms);
    auto const ticks = ticker.ticks();
    for (int i = 0; i < 3; ++i) {
        auto const now = ticks.recv().value();
        CHECK(now >= last);
        last = now;
    }
    steady::time_point tick;
    fiber::this_fiber::sleep_for(5ms); // one tick is in the channel then
    ticker.stop();
    CHECK(ticks.recv_for(tick, 10ms) == op_status::timeout);
    CHECK_FALSE(ticks.closed());
    ticker.stop();
    auto const start = steady::now();
    ticker.reset(3ms);
    CHECK(ticks.recv().value() - start >= 3ms);
    ticker.reset(1h);
    CHECK(ticks.recv_for(tick, 10ms) == op_status::timeout);
}

TEST_CASE("ticks missed by a slow receiver are dropped", "[time]") {
    auto const start = steady::now();
    fiber::ticker const ticker(1ms);
    int received = 0;
    for (; received < 4; ++received) {
        fiber::this_fiber::sleep_for(8ms);
        CHECK(ticker.ticks().size() <= 1);
        ticker.ticks().recv();
    }
    CHECK(steady::now() - start >= 32ms);
}

TEST_CASE("the destructor of a ticker ends its ticks", "[time]") {
    fiber::receiver<steady::time_point> ticks;
    {
        fiber::ticker first(1ms);
        ticks = first.ticks();
        fiber::ticker moved = std::move(first);
        first.stop(); // moved from: does nothing
        CHECK_THROWS_AS(first.reset(1s), std::logic_error);
        CHECK(ticks.recv());
        moved = fiber::ticker(1h);
        steady::time_point tick;
        CHECK(ticks.recv_for(tick, 5ms) == op_status::timeout);
        ticks = moved.ticks();
    }
    CHECK(ticks.size() == 0);
}

TEST_CASE("a ticker refuses a period of zero or less", "[time]") {
    CHECK_THROWS_AS(fiber::ticker(0s), std::invalid_argument);
    CHECK_THROWS_WITH(fiber::ticker(-1s), "fiber::ticker: the period must be above zero");
    fiber::ticker ticker(1h);
    CHECK_THROWS_AS(ticker.reset(0s), std::invalid_argument);
}

TEST_CASE("tickers may be stopped and reset while they tick", "[time]") {
    fiber::runtime rt;
    std::vector<fiber::handle> all;
    std::atomic<int> stale{0};
    for (int i = 0; i < 8; ++i)
        all.push_back(rt.go([&stale] {
            fiber::ticker ticker(20us);
            for (int k = 0; k < 50; ++k) {
                ticker.ticks().recv();
                ticker.stop();
                stale += static_cast<int>(ticker.ticks().size());
                ticker.reset(20us);
            }
        }));
    for (auto& h : all)
        h.join();
    CHECK(stale == 0);
}
