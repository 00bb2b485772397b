// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_values_test.cpp: tests that select delivers values and results, or leaves the values to their
// senders.
#include "tests/chan/elements.hpp"
#include "tests/chan/parked.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tally.hpp"

#include <fiber/chan.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>
#include <fiber/select.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

using fiber::chan;
using fiber::on_recv;
using fiber::on_send;
using fiber::on_timeout;
using fiber::op_status;
using fiber::otherwise;
using fiber::select;
using tests::counted;
using tests::ignore;
using tests::nothing;
using tests::over_aligned;
using tests::throwing_move;
using namespace std::chrono_literals;

namespace {

// Sends each value from one select to another, while both also wait for other cases. Each side is first once.
template <class T, class Make, class Is>
bool passes_through_selects(int capacity, Make const& make, Is const& is) {
    fiber::runtime rt;
    chan<T> const ch(capacity), never;
    std::atomic<bool> ok{true};
    constexpr int values = 20;
    for (bool const receiver_first : {true, false}) {
        auto const send = [&] {
            for (int i = 0; i < values; ++i) {
                auto to = on_send(ch, make(i), nothing); // an lvalue, as a case that is used again
                select(on_recv(never, ignore), to, on_timeout(1h, nothing));
            }
        };
        auto const receive = [&] {
            for (int i = 0; i < values; ++i)
                select(on_recv(ch, [&, i](std::optional<T> v) { ok = ok && v && is(*v, i); }),
                       on_recv(never, ignore));
        };
        fiber::handle first = receiver_first ? rt.go(receive) : rt.go(send);
        await_parked(rt, receiver_first || capacity < values ? 1 : 0);
        fiber::handle second = receiver_first ? rt.go(send) : rt.go(receive);
        first.join();
        second.join();
    }
    return ok;
}

} // namespace

TEST_CASE("waiting selects deliver values of every kind", "[select]") {
    using page = std::array<int, 1024>;
    for (int capacity : {0, 1, 3}) {
        INFO("capacity " << capacity);
        CHECK(passes_through_selects<std::unique_ptr<int>>(
            capacity, [](int i) { return std::make_unique<int>(i); },
            [](auto const& v, int i) { return *v == i; }));
        CHECK(passes_through_selects<counted>(
            capacity, [](int i) { return counted(i); }, [](auto const& v, int i) { return v.value == i; }));
        CHECK(passes_through_selects<throwing_move>(
            capacity, [](int i) { return throwing_move(i); },
            [](auto const& v, int i) { return v.value == i; }));
        CHECK(passes_through_selects<page>(
            capacity,
            [](int i) {
                page p;
                p.fill(i);
                return p;
            },
            [](auto const& v, int i) { return v.front() == i && v.back() == i; }));
    }
    CHECK(counted::alive == 0);
    CHECK(throwing_move::alive == 0);
}

TEST_CASE("a select aligns its values", "[select]") {
    fiber::runtime rt;
    for (int capacity : {0, 2}) {
        chan<over_aligned> const ch(capacity);
        bool ok = true;
        auto h = rt.go([&] {
            for (int i = 0; i < 4; ++i)
                select(on_send(ch, over_aligned(i), nothing), on_timeout(1h, nothing));
        });
        for (int i = 0; i < 4; ++i)
            select(on_recv(ch, [&](std::optional<over_aligned> const& v) {
                ok = ok && v && v->is_aligned() && v->value == i;
            }));
        h.join();
        CHECK(ok);
    }
}

TEST_CASE("a close leaves a refused value in its case", "[select]") {
    fiber::runtime rt;
    chan<std::unique_ptr<int>> const closes, open(1);
    auto to_closes = on_send(closes, std::make_unique<int>(1), nothing);
    bool thrown = false;
    auto waits = rt.go([&] {
        try {
            select(to_closes, on_timeout(1h, nothing));
        } catch (fiber::closed_channel const&) {
            thrown = true;
        }
    });
    await_parked(rt, 1);
    closes.close();
    waits.join();
    CHECK(thrown);
    CHECK_THROWS_AS(select(to_closes), fiber::closed_channel); // refused again
}

TEST_CASE("select does not move the values of other cases", "[select]") {
    fiber::runtime rt;
    chan<counted> const a, b;
    auto to_a = on_send(a, counted(1), nothing), to_b = on_send(b, counted(2), nothing);
    std::size_t chosen = 9;
    auto waits = rt.go([&] { chosen = select(to_b, to_a); });
    await_parked(rt, 1);
    CHECK(a.recv().value().value == 1);
    waits.join();
    CHECK(chosen == 1);
    CHECK(select(to_b, otherwise(nothing)) == 1);
    CHECK(select(to_b, on_timeout(1ms, nothing)) == 1);
    waits = rt.go([&] { select(to_b); });
    CHECK(b.recv().value().value == 2);
    waits.join();
}

TEST_CASE("a throwing move into a case sends nothing", "[select]") {
    {
        chan<throwing_move> const ch(1);
        throwing_move value(5);
        throwing_move::fuse = 1;
        CHECK_THROWS_AS(on_send(ch, std::move(value), nothing), std::runtime_error);
        CHECK(value.value == 5);
        CHECK(ch.size() == 0);
        select(on_send(ch, std::move(value), nothing));
        bool called = false;
        throwing_move::fuse = 1;
        CHECK_THROWS_AS(select(on_recv(ch, [&](auto&&) { called = true; })), std::runtime_error);
        CHECK_FALSE(called); // only this value is lost
        CHECK(ch.size() == 0);
        CHECK(ch.try_send(throwing_move(6)) == op_status::success);
    }
    CHECK(throwing_move::alive == 0);
}

TEST_CASE("select_result keeps the type of the result", "[select]") {
    chan<std::unique_ptr<int>> const ch(1);
    ch.send(std::make_unique<int>(3));
    auto const got = fiber::select_result(on_recv(ch, [](auto v) { return std::move(v.value()); }),
                                          otherwise([] { return std::unique_ptr<int>(); }));
    CHECK(*got == 3);

    auto const number =
        fiber::select_result(on_recv(ch, [](auto const&) { return 1; }), on_timeout(0s, [] { return 2.5; }));
    static_assert(std::is_same_v<decltype(number), double const>);
    CHECK(number == 2.5);

    bool ran = false;
    static_assert(std::is_void_v<decltype(fiber::select_result(otherwise([&] { ran = true; })))>);
    fiber::select_result(on_recv(ch, ignore), otherwise([&] { ran = true; }));
    CHECK(ran);
    CHECK_THROWS_AS(fiber::select_result(on_timeout(0s, []() -> int { throw std::runtime_error("no"); })),
                    std::runtime_error);
}

// The cases have the only handles: their partners have destroyed theirs.
TEST_CASE("a temporary channel in a case lives until select returns", "[select]") {
    fiber::runtime rt;
    for (int i = 0; i < 200; ++i) {
        chan<int> a, b;
        int got = 0;
        auto waits = rt.go([from_a = a, from_b = b, &got]() mutable {
            auto const receive = [&](std::optional<int> v) { got = v.value(); };
            select(on_recv(std::move(from_a), receive), on_recv(std::move(from_b), receive));
        });
        if (i % 2 == 0)
            await_parked(rt, 1);
        b = nullptr;
        a.send(7);
        a = nullptr;
        waits.join();
        REQUIRE(got == 7);
    }
}

TEST_CASE("a waiting select removes its duplicates from the queues", "[select]") {
    fiber::runtime rt;
    chan<int> const c, d;
    auto chooses = rt.go([&] { select(on_recv(c, ignore), on_recv(d, ignore), on_recv(c, ignore)); });
    await_parked(rt, 1);
    std::optional<int> got;
    auto waits = rt.go([&] { got = c.recv(); });
    await_parked(rt, 2);
    d.send(7);
    chooses.join();
    c.send(8);
    waits.join();
    CHECK(got == 8);
    CHECK(c.try_send(9) == op_status::full);
}

TEST_CASE("a select without a possible case blocks for ever", "[select]") {
    static std::atomic<int> returned{0}; // static: the fibers still exist after the test
    auto const before = fiber::runtime::global().stats().fibers_parked;
    fiber::go([] {
        select(on_recv(chan<int>(nullptr), ignore), on_send(chan<int>(nullptr), 1, nothing));
        ++returned;
    });
    fiber::go([] {
        select(on_recv(fiber::receiver<int>(), ignore), fiber::on_stop({}, nothing));
        ++returned;
    });
    fiber::go([] {
        select();
        ++returned;
    });
    auto last = fiber::go([] {
        fiber::selector().wait();
        ++returned;
    });
    await_parked(fiber::runtime::global(), before + 4);
    CHECK_FALSE(last.join_for(5ms));
    CHECK(returned == 0);
}
