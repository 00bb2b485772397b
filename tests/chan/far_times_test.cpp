// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// far_times_test.cpp: tests each timed operation of channels, select and contexts with times far in the
// future and in the past.
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
    fiber::chan<int> c{1}; // may be replaced by a null channel
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

// Hides the type of a limit: the code below is compiled once.
void check_is_over_in_thread(receiving& o, tests::one_wait<receiving> const& wait) { CHECK_FALSE(wait(o)); }

void check_lives(context const& ctx) {
    bool ignored = false;
    CHECK(ctx.done().recv_for(ignored, 100us) == op_status::timeout);
    CHECK_FALSE(ctx.cancelled());
}
void check_lives_without_deadline(context const& ctx) {
    CHECK_FALSE(ctx.deadline());
    CHECK_FALSE(ctx.cancelled());
}
void check_is_over(context const& ctx) { CHECK(ctx.error() == std::errc::timed_out); }

using times = fiber::receiver<std::chrono::steady_clock::time_point>;

void check_gives_no_time(times const& c) {
    std::chrono::steady_clock::time_point at;
    CHECK(c.recv_for(at, 100us) == op_status::timeout);
}
void check_gives_time(times const& c) { CHECK(c.recv()); }

} // namespace

TEST_CASE("channels accept times far away", "[limits]") {
    tests::check_limits<receiving>();
    tests::check_limits<sending>();
}

TEST_CASE("null channels accept times in the past", "[limits]") {
    receiving o{.c = nullptr};
    auto const is_over = [&](auto const& limit) {
        check_is_over_in_thread(o, tests::one_wait<receiving>(limit));
    };
    tests::each_far_past(is_over);
    tests::each_negative_duration(is_over);
}

TEST_CASE("select accepts times far away", "[limits]") {
    tests::check_limits<selecting>();
    tests::check_limits<with_selector>();
}

TEST_CASE("contexts accept times far away", "[limits]") {
    auto const at = [](auto const& when) { return context::with_deadline(context::background(), when); };
    auto const after = [](auto const& d) { return context::with_timeout(context::background(), d); };
    tests::each_far_future([&](auto const& when) { check_lives(at(when)); });
    tests::each_long_duration([&](auto const& d) { check_lives_without_deadline(after(d)); });
    tests::each_far_past([&](auto const& when) { check_is_over(at(when)); });
    tests::each_negative_duration([&](auto const& d) { check_is_over(after(d)); });
}

TEST_CASE("after and tickers accept durations of all lengths", "[limits]") {
    tests::each_long_duration([](auto const& d) {
        check_gives_no_time(fiber::after(d));
        fiber::ticker const ticker(d);
        check_gives_no_time(ticker.ticks());
    });
    tests::each_negative_duration([](auto const& d) {
        check_gives_time(fiber::after(d));
        CHECK_THROWS_AS(fiber::ticker(d), std::invalid_argument);
    });
}
