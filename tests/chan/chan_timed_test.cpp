// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chan_timed_test.cpp: tests the timed operations of a channel.
#include "tests/chan/parked.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/no_wait.hpp"

#include <fiber/chan.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>

using fiber::chan;
using fiber::op_status;
using namespace std::chrono_literals;

namespace {

constexpr auto past = std::chrono::steady_clock::time_point::min();

} // namespace

TEST_CASE("timed operations time out at their deadline, and leave no waiter", "[chan]") {
    fiber::runtime rt;
    for (int capacity : {0, 1}) {
        chan<std::string> const ch(capacity);
        auto const timed = [&ch, capacity] {
            using clock = std::chrono::steady_clock;
            std::string value;
            auto start = clock::now();
            if (ch.recv_for(value, 2ms) != op_status::timeout || clock::now() - start < 2ms)
                return false;
            if (capacity == 1 && ch.send_for("buffered", 1h) != op_status::success)
                return false;
            value = "kept";
            start = clock::now();
            if (ch.send_for(std::move(value), 2ms) != op_status::timeout || clock::now() - start < 2ms)
                return false;
            auto const when = std::chrono::system_clock::now() + 2ms;
            if (ch.send_until(std::move(value), when) != op_status::timeout ||
                std::chrono::system_clock::now() < when)
                return false;
            if (value != "kept" || ch.size() != static_cast<std::size_t>(capacity))
                return false;
            // No dead waiter is left: a value sent to one would be lost, a value received from one be
            // invented.
            if (capacity == 1)
                return ch.try_recv(value) == op_status::success && value == "buffered" &&
                       ch.try_recv(value) == op_status::empty;
            return ch.try_send("nobody") == op_status::full && ch.try_recv(value) == op_status::empty;
        };
        CHECK(timed());
        CHECK(rt.run(timed));
    }
}

TEST_CASE("timed operations succeed after their deadline if they need not wait", "[chan]") {
    chan<int> const ch(1);
    int n = 0;
    CHECK(ch.send_until(1, past) == op_status::success);
    CHECK(ch.send_until(2, past) == op_status::timeout);
    CHECK(ch.send_for(2, 0s) == op_status::timeout);
    CHECK(ch.send_for(2, -1h) == op_status::timeout);
    CHECK(ch.recv_until(n, past) == op_status::success);
    CHECK(n == 1);
    CHECK(ch.recv_for(n, 0s) == op_status::timeout);
    CHECK(ch.recv_for(n, std::chrono::duration<double>(-1)) == op_status::timeout);
    CHECK(n == 1);
}

TEST_CASE("a waiting timed operation is served before its deadline", "[chan]") {
    fiber::runtime rt;
    for (int capacity : {0, 1}) {
        chan<int> const ch(capacity);
        std::atomic<int> got{0};
        auto receiver = rt.go([&] {
            int n = 0;
            if (ch.recv_for(n, std::chrono::hours::max()) == op_status::success)
                got = n;
        });
        await_parked(rt, 1);
        ch.send(3);
        receiver.join();
        CHECK(got == 3);

        for (int i = 0; i < capacity; ++i)
            ch.send(-1);
        std::atomic<bool> sent{false};
        auto sender = rt.go([&] { sent = ch.send_for(4, 1h) == op_status::success; });
        await_parked(rt, 1);
        for (int i = 0; i < capacity; ++i)
            CHECK(ch.recv() == -1);
        CHECK(ch.recv() == 4);
        sender.join();
        CHECK(sent);
    }
}

TEST_CASE("a timed-out waiter does not block later waiters", "[chan]") {
    fiber::runtime rt;
    chan<int> const ch;
    std::atomic<bool> timed_out{false};
    auto first = rt.go([&] {
        int n = 0;
        timed_out = ch.recv_for(n, 5ms) == op_status::timeout;
    });
    while (rt.stats().fibers_parked == 0 && !timed_out)
        std::this_thread::yield();
    std::atomic<int> got{0};
    auto second = rt.go([&] { got = ch.recv().value_or(-1); });
    first.join();
    CHECK(timed_out);
    ch.send(8);
    second.join();
    CHECK(got == 8);
}

TEST_CASE("a timed operation without time does not wait", "[chan][polling]") {
    auto const times_out = [](op_status status) { CHECK(status == op_status::timeout); };
    for (chan<int> const& both : {chan<int>(0), chan<int>(1), chan<int>(nullptr)}) {
        int out = 0;
        tests::no_time([&](auto d) { times_out(both.recv_for(out, d)); },
                       [&](auto t) { times_out(both.recv_until(out, t)); });
        if (both && both.capacity() == 1)
            both.send(1);
        tests::no_time([&](auto d) { times_out(both.send_for(2, d)); },
                       [&](auto t) { times_out(both.send_until(2, t)); });
        if (both && both.capacity() == 1) {
            CHECK(both.recv_for(out, -1s) == op_status::success);
            CHECK(out == 1);
        }
        if (both) {
            both.close();
            CHECK(both.recv_for(out, 0s) == op_status::closed);
            CHECK(both.recv_until(out, past) == op_status::closed);
        }
    }
}
