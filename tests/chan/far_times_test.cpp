// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// far_times_test.cpp: what is to last until a point far away lasts; what has long passed is not waited for.
// Every timed operation of channels, select and contexts.
#include "tests/support/catch.hpp"
#include "tests/support/far_times.hpp"

#include <fiber/chan.hpp>
#include <fiber/context.hpp>
#include <fiber/go.hpp>
#include <fiber/select.hpp>
#include <fiber/time.hpp>

#include <chrono>
#include <stdexcept>

using fiber::context;
using fiber::op_status;
using namespace std::chrono_literals;

namespace {

using tests::is_point;

struct receiving {
    template <class Limit>
    bool wait(Limit const& limit) {
        int value = 0;
        if constexpr (is_point<Limit>)
            return c.recv_until(value, limit) == op_status::success;
        else
            return c.recv_for(value, limit) == op_status::success;
    }
    void end() { c.send(1); }
    fiber::chan<int> c{1}; // another one, if need be: null
};

struct sending {
    sending() { c.send(0); }
    template <class Limit>
    bool wait(Limit const& limit) {
        if constexpr (is_point<Limit>)
            return c.send_until(1, limit) == op_status::success;
        else
            return c.send_for(1, limit) == op_status::success;
    }
    void end() { c.recv(); }
    fiber::chan<int> c{1};
};

struct selecting {
    template <class Limit>
    bool wait(Limit const& limit) {
        auto const received = [](auto) { return true; };
        auto const late = [] { return false; };
        if constexpr (is_point<Limit>)
            return fiber::select_result(fiber::on_deadline(limit, late), fiber::on_recv(c, received));
        else
            return fiber::select_result(fiber::on_timeout(limit, late), fiber::on_recv(c, received));
    }
    void end() { c.send(1); }
    fiber::chan<int> c{1};
};

struct with_selector {
    template <class Limit>
    bool wait(Limit const& limit) {
        fiber::selector s;
        s.recv(c, [](auto) {});
        if constexpr (is_point<Limit>)
            s.deadline(limit, [] {});
        else
            s.timeout(limit, [] {});
        return s.wait() == 0;
    }
    void end() { c.send(1); }
    fiber::chan<int> c{1};
};

} // namespace

TEST_CASE("channels know points far away", "[limits]") {
    tests::check_limits<receiving>();
    tests::check_limits<sending>();
}

TEST_CASE("null channels know points that have passed", "[limits]") {
    receiving o{.c = nullptr};
    tests::each_far_past([&](auto const& when) { CHECK_FALSE(o.wait(when)); });
    tests::each_negative_duration([&](auto const& d) { CHECK_FALSE(o.wait(d)); });
}

TEST_CASE("select knows points far away", "[limits]") {
    tests::check_limits<selecting>();
    tests::check_limits<with_selector>();
}

TEST_CASE("contexts know points far away", "[limits]") {
    tests::each_far_future([](auto const& when) {
        auto const ctx = context::with_deadline(context::background(), when);
        bool ignored = false;
        CHECK(ctx.done().recv_for(ignored, 100us) == op_status::timeout);
        CHECK_FALSE(ctx.cancelled());
    });
    tests::each_long_duration([](auto const& d) {
        auto const ctx = context::with_timeout(context::background(), d);
        CHECK_FALSE(ctx.deadline());
        CHECK_FALSE(ctx.cancelled());
    });
    tests::each_far_past([](auto const& when) {
        CHECK(context::with_deadline(context::background(), when).error() == std::errc::timed_out);
    });
    tests::each_negative_duration([](auto const& d) {
        CHECK(context::with_timeout(context::background(), d).error() == std::errc::timed_out);
    });
}

TEST_CASE("after and tickers know durations of all lengths", "[limits]") {
    std::chrono::steady_clock::time_point at;
    tests::each_long_duration([&](auto const& d) {
        CHECK(fiber::after(d).recv_for(at, 100us) == op_status::timeout);
        fiber::ticker const ticker(d);
        CHECK(ticker.ticks().recv_for(at, 100us) == op_status::timeout);
    });
    tests::each_negative_duration([&](auto const& d) {
        CHECK(fiber::after(d).recv());
        CHECK_THROWS_AS(fiber::ticker(d), std::invalid_argument);
    });
}
