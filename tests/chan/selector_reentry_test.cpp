// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// selector_reentry_test.cpp: tests callables that use their own selector, and clocks that differ from the
// steady clock.
#include "tests/support/catch.hpp"
#include "tests/support/tally.hpp"

#include <fiber/chan.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>
#include <fiber/select.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using tests::ignore;
using tests::nothing;

namespace {

fiber::chan<int> full_of(int n) {
    fiber::chan<int> c(n);
    for (int i = 0; i < n; ++i)
        c.send(i);
    return c;
}

struct clock_that_stands_still {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<clock_that_stands_still>;
    static constexpr bool is_steady = false;
    static time_point now() { return time_point(1s); }
};
auto const next = clock_that_stands_still::now() + 1ns;

// Calls the function in a fiber and in an OS thread.
template <class F>
void in_both(F const& f) {
    f();
    fiber::run(f);
}

} // namespace

TEST_CASE("a callable may wait for its own selector, and is called again", "[select]") {
    in_both([] {
        auto const c = full_of(4);
        fiber::selector s;
        std::vector<int> begun, ended;
        s.recv(c, [&](std::optional<int> v) {
            begun.push_back(*v);
            if (*v < 3)
                CHECK(s.wait() == 0);
            ended.push_back(*v);
        });
        CHECK(s.wait() == 0);
        CHECK(begun == std::vector{0, 1, 2, 3});
        CHECK(ended == std::vector{3, 2, 1, 0});
        CHECK_FALSE(s.try_wait());
    });
}

TEST_CASE("a callable may wait for the other cases of its selector", "[select]") {
    in_both([] {
        fiber::chan<std::string> const a(1), b(1);
        fiber::selector s;
        std::string all;
        s.recv(a, [&](std::optional<std::string> v) {
            all += v.value();
            b.send("b");
            CHECK(s.wait() == 1);
        });
        s.recv(b, [&](std::optional<std::string> v) { all += v.value(); });
        s.send(a, "sent", [&] { all += '!'; });
        CHECK(s.wait() == 2);
        CHECK(s.wait() == 0);
        CHECK(all == "!sentb");
    });
}

TEST_CASE("a send case is spent while its callable waits for the selector", "[select]") {
    in_both([] {
        fiber::chan<int> const c(4);
        fiber::selector s;
        s.send(c, 1, [&] { CHECK_FALSE(s.try_wait()); });
        CHECK(s.wait() == 0);
        CHECK(c.size() == 1);
    });
}

TEST_CASE("a callable may assign to, destroy, or move its selector", "[select]") {
    in_both([] {
        auto const c = full_of(8);
        auto const big = std::make_shared<std::array<int, 64>>();
        (*big)[63] = 5;
        int sum = 0;
        {
            fiber::selector s;
            s.recv(c, [&s, &sum, big](auto) {
                s = fiber::selector();
                sum += (*big)[63];
            });
            CHECK(s.wait() == 0);
            CHECK(s.size() == 0);
        }
        {
            auto s = std::make_unique<fiber::selector>();
            s->recv(c, [&s, &sum, big](auto) {
                s.reset();
                sum += (*big)[63];
            });
            CHECK(s->wait() == 0);
        }
        {
            fiber::selector s, other;
            s.recv(c, [&, big](auto) {
                other = std::move(s);
                s = fiber::selector();
                s.recv(c, ignore);
                sum += (*big)[63];
            });
            CHECK(s.try_wait());
            CHECK(s.try_wait());
            CHECK(other.try_wait());
        }
        CHECK(sum == 20);
        CHECK(big.use_count() == 1);
    });
}

TEST_CASE("a callable may remove and add cases while it waits for its selector", "[select]") {
    in_both([] {
        auto const c = full_of(3);
        fiber::selector s;
        int calls = 0;
        s.recv(c, [&](std::optional<int> v) {
            ++calls;
            if (*v == 0) {
                s.remove(0);
                for (int i = 0; i < 100; ++i)
                    s.recv(fiber::chan<int>(), ignore);
                CHECK(s.recv(c, [&](auto) { ++calls; }) == 101);
                CHECK(s.wait() == 101);
            }
        });
        CHECK(s.wait() == 0);
        CHECK(calls == 2);
        CHECK(s.wait() == 101);
        CHECK_FALSE(s.try_wait());
    });
}

TEST_CASE("positions do not depend on the addresses of the channels", "[select]") {
    std::vector<fiber::chan<int>> all;
    for (int i = 0; i < 20; ++i)
        all.emplace_back(1);
    fiber::selector s;
    s.timeout(1h, nothing);
    for (std::size_t i = 0; i < all.size(); ++i)
        s.recv(all[(i * 7 + 3) % all.size()], ignore);
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[(i * 7 + 3) % all.size()].send(1);
        CHECK(s.wait() == i + 1);
    }
    s.remove(5);
    auto const& again = all[(4 * 7 + 3) % all.size()];
    CHECK(s.recv(again, ignore) == all.size() + 1);
    again.send(1);
    CHECK(s.wait() == all.size() + 1);
    s.remove(all.size() + 1);
    again.send(1);
    CHECK_FALSE(s.try_wait());
}

TEST_CASE("try_wait finds a ready case beside a stopped clock", "[select]") {
    for (int i = 0; i < 200; ++i) {
        fiber::chan<int> const c(1);
        c.send(1);
        fiber::selector s;
        int received = 0;
        s.deadline(next, [] { FAIL_CHECK("before its time"); });
        s.recv(c, [&](auto) { ++received; });
        s.deadline(next, [] { FAIL_CHECK("before its time"); });
        fiber::this_fiber::yield();
        CHECK(s.try_wait());
        CHECK(received == 1);
        CHECK_FALSE(s.try_wait());
        c.send(1);
        CHECK(s.wait() == 1);
    }
}

TEST_CASE("otherwise runs beside a stopped clock", "[select]") {
    for (int i = 0; i < 200; ++i) {
        fiber::chan<int> const c(1);
        CHECK(fiber::select(fiber::on_deadline(next, nothing), fiber::on_recv(c, ignore),
                            fiber::otherwise(nothing)) == 2);
        c.send(1);
        CHECK(fiber::select(fiber::on_deadline(next, nothing), fiber::on_recv(c, ignore),
                            fiber::otherwise(nothing)) == 1);
    }
}

TEST_CASE("waiting cases on one channel are chosen equally often", "[select]") {
    fiber::runtime rt({.processors = 1});
    // 3,000 trials with probability 1/2 or 1/3: six standard deviations are 164 or 155.
    constexpr int rounds = 3000, deviation = 165;
    // `partner` must be a try operation, which succeeds only once the select is in a queue.
    auto const chosen_equally = [&](int cases, auto const& wait, auto const& partner) {
        std::array<int, 5> chosen{};
        rt.run([&] {
            auto h = fiber::go([&] {
                for (int i = 0; i < rounds; ++i)
                    ++chosen[wait()];
            });
            for (int i = 0; i < rounds; ++i)
                while (partner() != fiber::op_status::success)
                    fiber::this_fiber::yield();
            h.join();
        });
        auto const is_fair = [&](int n) { return std::abs(n - rounds / cases) < deviation; };
        return std::all_of(chosen.begin(), chosen.begin() + cases, is_fair) &&
               std::accumulate(chosen.begin(), chosen.begin() + cases, 0) == rounds;
    };
    fiber::chan<int> const c, d;
    int got = 0;
    auto const send = [&] { return c.try_send(1); };
    auto const recv = [&] { return c.try_recv(got); };
    CHECK(chosen_equally(
        2, [&] { return fiber::select(fiber::on_recv(c, ignore), fiber::on_recv(c, ignore)); }, send));
    CHECK(chosen_equally(
        2, [&] { return fiber::select(fiber::on_send(c, 1, nothing), fiber::on_send(c, 2, nothing)); },
        recv));
    CHECK(chosen_equally(
        3,
        [&] {
            return fiber::select(fiber::on_recv(c, ignore), fiber::on_recv(c, ignore),
                                 fiber::on_recv(c, ignore));
        },
        send));
    CHECK(chosen_equally(
        2,
        [&] {
            return fiber::select(fiber::on_recv(c, ignore), fiber::on_recv(c, ignore),
                                 fiber::on_recv(d, ignore), fiber::on_send(d, 1, nothing),
                                 fiber::on_timeout(1h, nothing));
        },
        send));
    fiber::selector s;
    s.recv(c, ignore);
    s.recv(c, ignore);
    CHECK(chosen_equally(
        2, [&] { return s.wait(); }, send));
}
