// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_parties_test.cpp: tests selects that wait for other fibers and OS threads.
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
#include <stop_token>
#include <thread>
#include <vector>

using fiber::chan;
using fiber::on_recv;
using fiber::on_send;
using fiber::on_stop;
using fiber::on_timeout;
using fiber::op_status;
using fiber::otherwise;
using fiber::select;
using tests::ignore;
using tests::nothing;
using namespace std::chrono_literals;

TEST_CASE("a waiting select performs the first ready case", "[select]") {
    fiber::runtime rt;
    chan<int> const a, b;
    int got = 0;
    std::size_t which = 9;
    auto const receive = [&](std::optional<int> v) { got = v.value_or(-1); };
    auto waits =
        rt.go([&] { which = select(on_recv(a, receive), on_recv(b, receive), on_send(a, 0, nothing)); });
    await_parked(rt, 1);
    SECTION("a value") {
        CHECK(b.try_send(5) == op_status::success);
        waits.join();
        CHECK(which == 1);
        CHECK(got == 5);
    }
    SECTION("a receiver") {
        int n = 9;
        CHECK(a.try_recv(n) == op_status::success);
        waits.join();
        CHECK(which == 2);
        CHECK(n == 0);
    }
    SECTION("a close") {
        b.close();
        waits.join();
        CHECK(which == 1);
        CHECK(got == -1);
    }
    // No waiter of the select is left in the queues.
    CHECK(a.try_send(1) == op_status::full);
    int n = 0;
    CHECK(a.try_recv(n) == op_status::empty);
    if (!b.closed())
        CHECK(b.try_send(1) == op_status::full);
}

TEST_CASE("close ends a sending select by an exception", "[select]") {
    fiber::runtime rt;
    chan<int> const a, b;
    bool thrown = false;
    auto waits = rt.go([&] {
        try {
            select(on_send(a, 1, nothing), on_recv(b, ignore));
        } catch (fiber::closed_channel const&) {
            thrown = true;
        }
    });
    await_parked(rt, 1);
    a.close();
    waits.join();
    CHECK(thrown);
    CHECK(b.try_send(1) == op_status::full);
}

TEST_CASE("two selects are partners", "[select]") {
    fiber::runtime rt;
    chan<int> const a, b;
    std::atomic<int> sum{0};
    constexpr int rounds = 2000;
    auto const one = [&](chan<int> const& out, chan<int> const& in) {
        for (int i = 0; i < rounds; ++i)
            select(on_send(out, 1, nothing), on_recv(in, [&](std::optional<int> v) { sum += v.value(); }));
    };
    auto left = rt.go([&] { one(a, b); });
    auto right = rt.go([&] { one(b, a); });
    left.join();
    right.join();
    CHECK(sum == rounds);
}

TEST_CASE("two selects with both directions meet each other, not themselves", "[select]") {
    fiber::runtime rt;
    for (int capacity : {0, 10}) {
        chan<int> const ch(capacity);
        constexpr int rounds = 1000;
        std::atomic<int> own{0}, others{0};
        std::array<fiber::handle, 2> both;
        for (int me = 0; me < 2; ++me)
            both[static_cast<std::size_t>(me)] = rt.go([&, me] {
                for (int i = 0; i < rounds; ++i)
                    select(on_recv(ch, [&](std::optional<int> v) { ++(*v == me ? own : others); }),
                           on_send(ch, me, nothing));
            });
        for (auto& h : both)
            if (!h.join_for(20s))
                FAIL("they wait for each other");
        if (capacity == 0)
            CHECK(own == 0);
        CHECK(2 * (own + others) + static_cast<int>(ch.size()) ==
              2 * rounds); // values that were sent but not received
    }
}

TEST_CASE("several cases on one channel are one queue", "[select]") {
    fiber::runtime rt;
    chan<int> const ch, other;
    std::array<int, 2> times{};
    for (int i = 0; i < 200; ++i) {
        auto waits = rt.go([&] {
            ++times[select(on_recv(ch, ignore), on_recv(ch, ignore), on_recv(other, ignore),
                           on_recv(other, ignore))];
        });
        await_parked(rt, 1);
        CHECK(ch.try_send(i) == op_status::success);
        CHECK(ch.try_send(i) == op_status::full);
        CHECK(other.try_send(i) == op_status::full);
        waits.join();
    }
    CHECK(times[0] + times[1] == 200);
}

TEST_CASE("a select leaves its queues, and later waiters are served", "[select]") {
    fiber::runtime rt;
    chan<int> const a, b;
    std::size_t chosen = 9;
    auto chooses = rt.go([&] { chosen = select(on_recv(a, ignore), on_recv(b, ignore)); });
    await_parked(rt, 1);
    std::optional<int> got;
    auto waits = rt.go([&] { got = a.recv(); });
    await_parked(rt, 2);
    b.send(0);
    a.send(7);
    chooses.join();
    waits.join();
    CHECK(chosen == 1);
    CHECK(got == 7);
}

TEST_CASE("a value goes to one of several waiting selects", "[select]") {
    fiber::runtime rt;
    chan<std::unique_ptr<int>> const ch;
    chan<void> const done;
    constexpr int tasks = 8, values = 500;
    std::atomic<int> received{0};
    std::vector<fiber::handle> all;
    for (int i = 0; i < tasks; ++i)
        all.push_back(rt.go([&] {
            for (bool more = true; more;)
                select(on_recv(ch, [&](auto v) { received += *v.value(); }),
                       on_recv(done, [&](auto) { more = false; }));
        }));
    for (int i = 0; i < values; ++i)
        ch.send(std::make_unique<int>(1));
    done.close();
    for (auto& h : all)
        h.join();
    CHECK(received == values);
}

TEST_CASE("OS threads select as fibers do", "[select]") {
    fiber::runtime rt;
    chan<int> const there, back;
    auto const echo = [&] {
        for (bool more = true; more;)
            select(on_recv(there, [&](std::optional<int> v) { v ? back.send(*v + 1) : void(more = false); }),
                   on_timeout(1h, nothing));
    };
    std::jthread thread(echo);
    auto h = rt.go(echo);
    int n = 0;
    for (int i = 0; i < 500; ++i)
        select(on_send(there, n, [&] { n = back.recv().value(); }), on_timeout(1h, nothing));
    CHECK(n == 500);
    there.close();
    h.join();
}

TEST_CASE("a stop request from a fiber or an OS thread ends a select", "[select]") {
    fiber::runtime rt;
    chan<int> const ch;
    for (int i = 0; i < 200; ++i) {
        std::stop_source source;
        std::atomic<int> stopped{0};
        auto const wait = [&, token = source.get_token()] {
            stopped += select(on_recv(ch, ignore), on_stop(token, nothing)) == 1 ? 1 : 0;
        };
        auto a = rt.go(wait), b = rt.go(wait);
        std::jthread c(wait);
        if (i % 2 == 0)
            await_parked(rt, 2);
        if (i % 3 == 0)
            source.request_stop();
        else
            rt.go([&] { source.request_stop(); }).join();
        a.join();
        b.join();
        c.join();
        REQUIRE(stopped == 3);
    }
}

// The removal of a callback must not rely on the OS thread alone to find that the request is running.
TEST_CASE("a stopped select leaves no callback with its token", "[select]") {
    fiber::runtime rt;
    rt.run([] {
        for (int i = 0; i < 300; ++i) {
            std::stop_source source;
            std::stop_callback const parks(source.get_token(), [] { fiber::this_fiber::yield(); });
            chan<int> const ch;
            std::vector<fiber::handle> all;
            for (int k = 0; k < 4; ++k)
                all.push_back(fiber::go([&, k] {
                    auto const limit =
                        k % 2 == 0 ? std::chrono::nanoseconds(1h) : std::chrono::nanoseconds(10us);
                    select(on_recv(ch, ignore), on_stop(source.get_token(), nothing),
                           on_timeout(limit, nothing));
                }));
            fiber::this_fiber::yield();
            source.request_stop();
            for (auto& h : all)
                h.join();
        }
    });
    SUCCEED("the sanitizers had nothing to say");
}

TEST_CASE("otherwise does not run while a case is always ready", "[select]") {
    fiber::runtime rt;
    std::atomic<int> missed{0};
    for (int i = 0; i < 500; ++i) {
        chan<int> const a(1), b(1);
        a.send(1);
        auto mover = rt.go([&] { // one of the channels has a value at each moment
            b.send(1);
            a.recv();
        });
        auto looker = rt.go([&] {
            if (select(on_recv(b, ignore), on_recv(a, ignore), otherwise(nothing)) == 2)
                ++missed;
        });
        looker.join();
        if (!mover.join_for(0s)) { // the select may have received the value of a
            a.send(1);
            mover.join();
        }
    }
    CHECK(missed == 0);
}

TEST_CASE("a partner may destroy the channel after it has woken a select", "[select]") {
    fiber::runtime rt;
    rt.run([] {
        chan<int> const other;
        for (int i = 0; i < 300; ++i) {
            fiber::handle partner;
            {
                chan<int> const only;
                partner = fiber::go([&] { select(on_recv(other, ignore), on_recv(only, ignore)); });
                only.send(1);
            }
            partner.join();
        }
    });
    SUCCEED("the sanitizers had nothing to say");
}

TEST_CASE("close wakes thousands of receivers", "[chan]") {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    constexpr std::size_t receivers = 2000;
#else
    constexpr std::size_t receivers = 100'000;
#endif
    fiber::runtime rt;
    chan<int> const ch;
    std::atomic<std::size_t> ended{0};
    for (std::size_t i = 0; i < receivers; ++i)
        rt.go([&, i] {
            int n = 0;
            bool const closed = i % 2 == 0 ? !ch.recv() : ch.recv_for(n, 1h) == op_status::closed;
            ended += closed ? 1 : 0;
        });
    await_parked(rt, receivers);
    ch.close();
    while (rt.stats().fibers_live != 0)
        std::this_thread::sleep_for(1ms);
    CHECK(ended == receivers);
}
