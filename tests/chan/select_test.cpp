// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_test.cpp: tests the choice of a case, and its effect, with one agent at a time.
#include "tests/support/catch.hpp"
#include "tests/support/tally.hpp"

#include <fiber/chan.hpp>
#include <fiber/runtime.hpp>
#include <fiber/select.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>

using fiber::chan;
using fiber::on_deadline;
using fiber::on_recv;
using fiber::on_send;
using fiber::on_stop;
using fiber::on_timeout;
using fiber::otherwise;
using fiber::select;
using tests::ignore;
using tests::nothing;
using namespace std::chrono_literals;

namespace {

auto const past = std::chrono::steady_clock::now() - 1h;

// Not nothrow-movable: it is sent in a box.
struct may_throw {
    explicit may_throw(int n) : value(n) {}
    may_throw(may_throw&& other) : value(std::exchange(other.value, -1)) {}
    int value;
};

// Counts one of two outcomes in 4,000 trials. A fair coin is outside of this range once in 10^20 times.
template <class Once>
bool is_even(Once const& once) {
    int first = 0;
    for (int i = 0; i < 4000; ++i)
        first += once() == 0 ? 1 : 0;
    return first > 1700 && first < 2300;
}

} // namespace

TEST_CASE("select runs the ready case, and returns its position", "[select]") {
    chan<int> const empty(1), full(1), value(1);
    full.send(1);
    value.send(7);
    int got = 0;
    CHECK(select(on_recv(empty, ignore), on_send(full, 2, nothing),
                 on_recv(value, [&](std::optional<int> v) { got = v.value(); })) == 2);
    CHECK(got == 7);
    CHECK(value.size() == 0);
    CHECK(full.size() == 1);

    CHECK(select(on_recv(value, ignore), on_send(empty, 3, [&] { got = 8; })) == 1);
    CHECK(got == 8);
    CHECK(empty.recv() == 3);
}

TEST_CASE("a select with otherwise never blocks", "[select]") {
    chan<int> const a, b(1);
    CHECK(select(on_recv(a, ignore), on_recv(b, ignore), otherwise(nothing)) == 2);
    CHECK(select(otherwise(nothing), on_send(a, 1, nothing)) == 0);
    b.send(1);
    CHECK(select(otherwise(nothing), on_recv(b, ignore)) == 1);
    CHECK(select(otherwise(nothing)) == 0);
}

TEST_CASE("null channels are never ready", "[select]") {
    chan<int> const null = nullptr, value(1);
    value.send(1);
    CHECK(select(on_recv(null, ignore), on_send(null, 1, nothing), on_recv(value, ignore)) == 2);
    CHECK(select(on_recv(null, ignore), on_send(null, 1, nothing), otherwise(nothing)) == 2);
    CHECK(select(on_recv(null, ignore), on_timeout(1ms, nothing)) == 1);
}

TEST_CASE("a receive from a closed channel is always ready", "[select]") {
    chan<int> const closed(2), open;
    closed.send(5);
    closed.close();
    std::optional<int> got;
    for (auto const expected : {std::optional(5), std::optional<int>(), std::optional<int>()}) {
        CHECK(select(on_recv(open, ignore), on_recv(closed, [&](auto v) { got = v; })) == 1);
        CHECK(got == expected);
    }
}

TEST_CASE("a send to a closed channel is always ready, and throws", "[select]") {
    chan<int> const closed(1), open;
    closed.close();
    bool called = false;
    auto const choose = [&] {
        return select(on_recv(open, ignore), on_send(closed, 1, [&] { called = true; }), otherwise(nothing));
    };
    CHECK_THROWS_AS(choose(), fiber::closed_channel);
    CHECK_THROWS_WITH(choose(), "fiber::select: send to a closed channel");
    CHECK_FALSE(called);
}

TEST_CASE("ready cases are chosen uniformly", "[select]") {
    chan<int> const full(1), room(1), closed, never;
    closed.close();
    full.send(1);
    std::stop_source stopped;
    stopped.request_stop();
    SECTION("two receives") {
        CHECK(is_even([&] { return select(on_recv(closed, ignore), on_recv(closed, ignore)); }));
    }
    SECTION("a receive and a send") {
        CHECK(is_even([&] {
            auto const i = select(on_recv(closed, ignore), on_recv(never, ignore), on_send(room, 1, nothing));
            if (i == 2)
                room.recv();
            return i;
        }));
    }
    SECTION("a receive and a stop") {
        CHECK(
            is_even([&] { return select(on_recv(closed, ignore), on_stop(stopped.get_token(), nothing)); }));
    }
    SECTION("a receive and a deadline that has passed") {
        CHECK(is_even([&] { return select(on_recv(closed, ignore), on_deadline(past, nothing)); }));
    }
    SECTION("sending to and receiving from one buffered channel") {
        chan<int> const both(2);
        both.send(1);
        CHECK(is_even([&] {
            auto const i = select(on_recv(both, ignore), on_send(both, 1, nothing));
            if (i == 0)
                both.send(1);
            else
                both.recv();
            return i;
        }));
    }
    SECTION("two sends to one channel") {
        CHECK(is_even([&] {
            select(on_send(room, 0, nothing), on_send(room, 1, nothing));
            return room.recv().value();
        }));
    }
    SECTION("three of five") {
        std::array<int, 5> times{};
        for (int i = 0; i < 6000; ++i)
            ++times[select(on_recv(closed, ignore), on_recv(never, ignore), on_recv(closed, ignore),
                           on_recv(never, ignore), on_recv(closed, ignore))];
        for (std::size_t const i : {0U, 2U, 4U}) {
            CHECK(times[i] > 1700);
            CHECK(times[i] < 2300);
        }
    }
}

TEST_CASE("a select does not meet itself", "[select]") {
    chan<int> const ch;
    CHECK(select(on_send(ch, 1, nothing), on_recv(ch, ignore), otherwise(nothing)) == 2);
    CHECK(select(on_recv(ch, ignore), on_send(ch, 1, nothing), on_timeout(1ms, nothing)) == 2);
    CHECK(ch.size() == 0);
}

TEST_CASE("a time-out runs if no case was ready for its duration", "[select]") {
    chan<int> const ch;
    auto const start = std::chrono::steady_clock::now();
    CHECK(select(on_recv(ch, ignore), on_timeout(3ms, nothing), on_timeout(1h, nothing)) == 1);
    CHECK(std::chrono::steady_clock::now() - start >= 3ms);
    CHECK(select(on_timeout(1h, nothing), on_timeout(0s, nothing), on_recv(ch, ignore)) == 1);
    CHECK(select(on_timeout(-1h, nothing), on_recv(ch, ignore)) == 0);
    CHECK(select(on_timeout(std::chrono::duration<double>(0.001), nothing)) == 0);
}

TEST_CASE("a time-out of zero runs only if no case is ready", "[select]") {
    chan<int> const ch(1);
    for (int i = 0; i < 100; ++i) {
        ch.send(i);
        REQUIRE(select(on_timeout(0s, nothing), on_recv(ch, ignore)) == 1);
    }
    CHECK(select(on_timeout(0s, nothing), on_recv(ch, ignore), otherwise(nothing)) == 0);
}

TEST_CASE("a deadline of any clock is ready once it has passed", "[select]") {
    chan<int> const ch;
    auto const soon = std::chrono::steady_clock::now() + 2ms;
    CHECK(select(on_recv(ch, ignore), on_deadline(soon, nothing)) == 1);
    CHECK(std::chrono::steady_clock::now() >= soon);
    auto const there = std::chrono::system_clock::now() + 2ms;
    CHECK(select(on_deadline(there, nothing), on_recv(ch, ignore)) == 0);
    CHECK(std::chrono::system_clock::now() >= there);
    CHECK(select(on_deadline(past, nothing), on_recv(ch, ignore), otherwise(nothing)) == 0);
}

TEST_CASE("a requested stop is ready, and an impossible stop is not", "[select]") {
    chan<int> const ch;
    std::stop_source source;
    CHECK(select(on_stop(source.get_token(), nothing), otherwise(nothing)) == 1);
    CHECK(select(on_stop({}, nothing), on_recv(ch, ignore), on_timeout(1ms, nothing)) == 2);
    CHECK(select(on_stop(source.get_token(), nothing), on_timeout(1ms, nothing)) == 1);
    source.request_stop();
    CHECK(select(on_stop(source.get_token(), nothing), on_recv(ch, ignore)) == 0);
}

TEST_CASE("a value that was not sent stays in its case", "[select]") {
    chan<std::unique_ptr<int>> const ch(1);
    ch.send(std::make_unique<int>(1));
    auto send = on_send(ch, std::make_unique<int>(2), nothing);
    CHECK(select(send, otherwise(nothing)) == 1);
    CHECK(*ch.recv().value() == 1);
    CHECK(select(send, otherwise(nothing)) == 0);
    CHECK(*ch.recv().value() == 2);
}

TEST_CASE("select sends types with a throwing move in a box", "[select]") {
    chan<may_throw> const ch(1);
    CHECK(select(on_send(ch, may_throw(3), nothing)) == 0);
    int got = 0;
    CHECK(select(on_recv(ch, [&](std::optional<may_throw> v) { got = v->value; })) == 0);
    CHECK(got == 3);
}

TEST_CASE("an exception of the callable leaves select, after the operation", "[select]") {
    chan<int> const ch(2);
    ch.send(1);
    auto const fail = [](auto&&...) { throw std::runtime_error("not today"); };
    CHECK_THROWS_WITH(select(on_recv(ch, fail)), "not today");
    CHECK(ch.size() == 0);
    CHECK_THROWS_WITH(select(on_send(ch, 1, fail)), "not today");
    CHECK(ch.size() == 1);
    CHECK_THROWS_WITH(select(on_timeout(0s, fail)), "not today");
}

TEST_CASE("select_result returns the result of the callable", "[select]") {
    chan<int> const ch(1);
    auto const next = [&] {
        return fiber::select_result(
            on_recv(ch, [](std::optional<int> v) { return v ? std::to_string(*v) : "closed"; }),
            otherwise([] { return "empty"; }));
    };
    static_assert(std::is_same_v<decltype(next()), std::string>);
    CHECK(next() == "empty");
    ch.send(4);
    CHECK(next() == "4");
    ch.close();
    CHECK(next() == "closed");
    fiber::select_result(on_recv(ch, ignore));
}

TEST_CASE("halves of channels and temporaries are cases, too", "[select]") {
    chan<int> const ch(1);
    fiber::sender<int> const in = ch;
    fiber::receiver<int> const out = ch;
    CHECK(select(on_send(in, 1, nothing)) == 0);
    CHECK(select(on_recv(out, ignore)) == 0);
    CHECK(select(on_send(chan<int>(1), 1, nothing)) == 0);
    auto const make = [] {
        chan<int> const made(1);
        made.send(9);
        return fiber::receiver<int>(made);
    };
    int got = 0;
    auto kept = on_recv(make(), [&](std::optional<int> v) { got = v.value(); });
    CHECK(select(kept) == 0);
    CHECK(got == 9);
}

TEST_CASE("a channel of void carries signals", "[chan][select]") {
    chan<void> const ch(2);
    ch.send();
    CHECK(select(on_send(ch, nothing)) == 0);
    CHECK(ch.try_send({}) == fiber::op_status::full);
    CHECK(ch.recv());
    bool came = false;
    CHECK(select(on_recv(ch, [&](auto signal) { came = signal.has_value(); })) == 0);
    CHECK(came);
    ch.close();
    CHECK_FALSE(ch.recv());
    CHECK_THROWS_AS(ch.send(), fiber::closed_channel);
    fiber::receiver<void> const out = ch;
    int signals = 0;
    for (auto signal : out)
        signals += signal == fiber::unit() ? 1 : 0;
    CHECK(signals == 0);
}
