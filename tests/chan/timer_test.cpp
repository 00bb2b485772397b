// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// timer_test.cpp: tests of timer and after_func, with the cases of Go's tests.
#include "tests/support/catch.hpp"

#include <fiber/chan.hpp>
#include <fiber/go.hpp>
#include <fiber/latch.hpp>
#include <fiber/runtime.hpp>
#include <fiber/select.hpp>
#include <fiber/time.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

using fiber::op_status;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

namespace {

bool has_time(fiber::timer const& t) {
    steady::time_point time;
    return t.channel().try_recv(time) == op_status::success;
}

void await_time(fiber::timer const& t) {
    while (t.channel().size() == 0)
        fiber::this_fiber::sleep_for(50us);
}

} // namespace

TEST_CASE("a timer sends the time once", "[time]") {
    auto const start = steady::now();
    fiber::timer t(2ms);
    auto const time = t.channel().recv().value();
    CHECK(time - start >= 2ms);
    CHECK(time <= steady::now());
    CHECK_FALSE(t.stop());
    CHECK_FALSE(has_time(t));
    CHECK_FALSE(t.channel().closed());
    CHECK(fiber::timer(-1s).channel().recv());
}

TEST_CASE("a stopped timer sends nothing", "[time]") {
    fiber::timer t(1h);
    CHECK(t.stop());
    CHECK_FALSE(t.stop());
    CHECK_FALSE(t.reset(1h));
    CHECK(t.reset(1ms));
    CHECK(t.channel().recv());
    CHECK_FALSE(t.reset(1h));
    CHECK(t.stop());
    CHECK_FALSE(has_time(t));
}

TEST_CASE("no earlier time is received after stop or reset", "[time]") {
    fiber::timer t(0s);
    await_time(t);
    CHECK(t.stop());
    CHECK_FALSE(has_time(t));
    CHECK_FALSE(t.reset(0s));
    await_time(t);
    auto const start = steady::now();
    CHECK(t.reset(2ms));
    CHECK(t.channel().recv().value() - start >= 2ms);
}

TEST_CASE("a destroyed timer sends the time", "[time]") {
    auto const channel = fiber::timer(1ms).channel();
    CHECK(channel.recv());
}

TEST_CASE("a timer with an infinite duration never sends", "[time]") {
    fiber::timer t(std::chrono::hours::max());
    steady::time_point time;
    CHECK(t.channel().recv_for(time, 1ms) == op_status::timeout);
    CHECK(t.stop());
}

TEST_CASE("stop of a moved-from timer returns false", "[time]") {
    fiber::timer first(1h);
    fiber::timer second = std::move(first);
    CHECK_FALSE(first.stop());
    CHECK_THROWS_AS(first.reset(1s), std::logic_error);
    CHECK(second.stop());
    first = std::move(second);
    CHECK_FALSE(first.stop());
}

// Go's TestStopResult: the timer is stopped, or its time is received. Never both, and never none of them.
TEST_CASE("either a timer is stopped or its time is received", "[time]") {
    fiber::runtime rt;
    std::atomic<int> wrong{0};
    std::vector<fiber::handle> all;
    for (int i = 0; i < 8; ++i)
        all.push_back(rt.go([&, i] {
            for (int k = 0; k < 100; ++k) {
                fiber::timer t(std::chrono::microseconds((k + i) % 50));
                if (k % 4 != 0)
                    fiber::this_fiber::sleep_for(std::chrono::microseconds(k % 40));
                bool const in_time = k % 2 == 0 ? t.stop() : t.reset(1h);
                if (in_time)
                    wrong += has_time(t) ? 1 : 0;
                else
                    ++wrong; // no fiber has received it
            }
        }));
    for (auto& h : all)
        h.join();
    CHECK(wrong == 0);
}

TEST_CASE("after_func calls its function in a new fiber at its time", "[time]") {
    fiber::chan<steady::time_point> const called(1);
    auto const start = steady::now();
    fiber::after_func(2ms, [&] {
        CHECK(fiber::running_in_fiber());
        called.send(steady::now());
    });
    CHECK(called.recv().value() - start >= 2ms);
}

TEST_CASE("a timer of after_func may be stopped and reset", "[time]") {
    fiber::chan<int> const called(4);
    auto const held = std::make_shared<int>(1);
    {
        auto t = fiber::after_func(1h, [&called, held] { called.send(*held); });
        CHECK(t.stop());
        CHECK_FALSE(t.stop());
        CHECK_FALSE(t.reset(1ms));
        CHECK(called.recv() == 1);
        CHECK_FALSE(t.reset(1h));
        CHECK(t.reset(0s));
        CHECK(called.recv() == 1);
        CHECK_FALSE(t.stop());
        CHECK_FALSE(has_time(t));
        CHECK(called.size() == 0);
        t.reset(1h);
        t.stop();
    }
    while (held.use_count() != 1) // the fiber that has called the function may not have ended
        fiber::this_fiber::yield();
}

TEST_CASE("functions of after_func delay no other function or alarm", "[time]") {
    fiber::latch begun(3), end(1), ended(3);
    std::vector<fiber::timer> all;
    for (int i = 0; i < 3; ++i)
        all.push_back(fiber::after_func(1ms, [&] {
            begun.count_down();
            end.wait();
            ended.count_down();
        }));
    begun.wait();
    CHECK(fiber::after(1ms).recv());
    CHECK(fiber::timer(1ms).channel().recv());
    end.count_down();
    ended.wait();
}

TEST_CASE("a function of after_func may reset and stop its own timer", "[time]") {
    fiber::chan<int> const called(1);
    std::atomic<int> calls{0};
    fiber::latch set(1);
    std::unique_ptr<fiber::timer> mine;
    mine = std::make_unique<fiber::timer>(fiber::after_func(0s, [&] {
        set.wait();
        if (++calls < 3)
            mine->reset(0s);
        else
            called.send(calls);
    }));
    set.count_down();
    CHECK(called.recv() == 3);
}

TEST_CASE("timers are started, stopped, reset and destroyed concurrently", "[time]") {
    fiber::runtime rt;
    std::atomic<int> calls{0}, taken{0};
    constexpr int fibers = 8, rounds = 100;
    fiber::latch settled(fibers * rounds);
    std::vector<fiber::handle> all;
    for (int i = 0; i < fibers; ++i)
        all.push_back(rt.go([&, i] {
            for (int k = 0; k < rounds; ++k) {
                auto t = fiber::after_func(std::chrono::microseconds((k * 7 + i) % 40), [&] {
                    ++calls;
                    settled.count_down();
                });
                if (k % 3 == 0)
                    fiber::this_fiber::sleep_for(20us);
                if (k % 2 == 0 && t.stop()) {
                    ++taken;
                    settled.count_down();
                }
            }
        }));
    for (auto& h : all)
        h.join();
    settled.wait();
    CHECK(calls + taken == fibers * rounds);
}
