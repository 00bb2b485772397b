// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chan_select_stress_test.cpp: many fibers and threads select from few channels. Each value that was sent
// successfully is received once, and no other value is. No select waits forever.
#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/tally.hpp"

#include <fiber/chan.hpp>
#include <fiber/context.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>
#include <fiber/select.hpp>
#include <fiber/time.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
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
using fiber::otherwise;
using fiber::select;
using tests::join_all;
using tests::nothing;
using tests::scale;
using tests::tally;
using namespace std::chrono_literals;

TEST_CASE("all kinds of selects agree on the values sent", "[stress][select]") {
    constexpr int tasks = 12, each = 400 * scale;
    for (int capacity : {0, 1, 7}) {
        fiber::runtime rt;
        std::array<chan<std::uint64_t>, 3> const ch{chan<std::uint64_t>(capacity),
                                                    chan<std::uint64_t>(capacity), chan<std::uint64_t>(0)};
        tally sent, received;
        std::stop_source stop; // never requested
        std::atomic<int> producing{tasks};
        auto const take = [&](std::optional<std::uint64_t> v) {
            if (v)
                received.add(*v);
        };
        auto const produce = [&](std::uint64_t me) {
            tests::chaos chaos(me);
            for (std::uint64_t i = 0; i < each; ++i) {
                std::uint64_t const value = me * each + i;
                auto const& a = ch[chaos.below(3)];
                auto const& b = ch[chaos.below(3)];
                auto const count = [&] { sent.add(value); };
                switch (chaos.below(5)) {
                case 0:
                    select(on_send(a, value, count), on_send(b, value, count));
                    break;
                case 1: // a select that met itself would count its value twice
                    select(on_send(a, value, count), on_recv(a, take), on_recv(b, take));
                    break;
                case 2:
                    select(on_send(a, value, count),
                           on_timeout(std::chrono::nanoseconds(chaos.below(20'000)), nothing));
                    break;
                case 3:
                    select(on_send(a, value, count), on_send(b, value, count), otherwise(nothing));
                    break;
                default:
                    select(on_send(a, value, count), on_recv(b, take), on_stop(stop.get_token(), nothing));
                }
                chaos();
            }
            if (--producing == 0)
                for (auto const& c : ch)
                    c.close();
        };
        auto const consume = [&](std::uint64_t me) {
            tests::chaos chaos(100 + me);
            std::array<chan<std::uint64_t>, 3> open = ch;
            int left = 3;
            while (left > 0) {
                auto const from = [&](std::size_t i) {
                    return on_recv(open[i], [&, i](std::optional<std::uint64_t> v) {
                        take(v);
                        if (!v) {
                            open[i] = nullptr;
                            --left;
                        }
                    });
                };
                if (chaos.below(2) == 0)
                    select(from(0), from(1), from(2));
                else
                    select(from(2), from(0), from(1),
                           on_timeout(std::chrono::nanoseconds(chaos.below(20'000)), nothing));
                chaos();
            }
        };
        std::vector<fiber::handle> all;
        std::vector<std::jthread> threads;
        for (std::uint64_t i = 0; i < tasks; ++i) {
            if (i % 6 == 0) {
                threads.emplace_back(produce, i);
                threads.emplace_back(consume, i);
            } else {
                all.push_back(rt.go(produce, i));
                all.push_back(rt.go(consume, i));
            }
        }
        join_all(all);
        threads.clear();
        INFO("capacity " << capacity);
        CHECK(sent.count == received.count);
        CHECK(sent.sum == received.sum);
    }
}

TEST_CASE("stop requests, partners and time-outs race for the same select", "[stress][select]") {
    constexpr int rounds = 300 * scale;
    fiber::runtime rt;
    tally sent, received;
    std::vector<fiber::handle> all;
    for (std::uint64_t me = 0; me < 4; ++me)
        all.push_back(rt.go([&, me] {
            tests::chaos chaos(me);
            for (int i = 0; i < rounds; ++i) {
                chan<std::unique_ptr<int>> const ch;
                std::stop_source source;
                auto partner = fiber::go([&, ch] {
                    tests::chaos own(me * 1000 + static_cast<std::uint64_t>(i));
                    own();
                    if (ch.send_for(std::make_unique<int>(1), std::chrono::nanoseconds(own.below(20'000))) ==
                        fiber::op_status::success)
                        sent.add(1);
                });
                auto stopper = fiber::go([&] {
                    tests::chaos own(me * 2000 + static_cast<std::uint64_t>(i));
                    own();
                    source.request_stop();
                });
                chaos();
                select(on_recv(ch, [&](auto v) { received.add(v ? static_cast<std::uint64_t>(**v) : 0); }),
                       on_stop(source.get_token(), nothing),
                       on_timeout(std::chrono::nanoseconds(chaos.below(40'000)), nothing));
                partner.join();
                stopper.join();
            }
        }));
    join_all(all);
    CHECK(sent.count == received.count);
    CHECK(sent.sum == received.sum);
}

TEST_CASE("a context ends the work of many fibers in time", "[stress][context]") {
    fiber::runtime rt;
    tests::chaos chaos(1);
    for (int round = 0; round < 5 * scale; ++round) {
        auto const root = fiber::context::with_timeout(fiber::context::background(), 2ms);
        chan<int> const work;
        std::vector<fiber::handle> all;
        for (int i = 0; i < 50; ++i)
            all.push_back(rt.go([&, ctx = fiber::context::with_cancel(root), i] {
                fiber::ticker const ticker(100us);
                for (bool more = true; more;)
                    select(on_recv(ctx.done(), [&](auto) { more = false; }), on_recv(work, [](auto) {}),
                           on_send(work, i, nothing), on_recv(ticker.ticks(), [](auto) {}));
            }));
        if (chaos.below(2) == 0)
            root.cancel();
        for (auto& h : all)
            REQUIRE(h.join_for(60s));
        CHECK(root.cancelled());
    }
}

// close takes waiters out in batches. An operation between two batches finds a closed channel.
TEST_CASE("a sender woken by close has sent no value", "[stress][chan]") {
    constexpr int senders = 300;
    for (int round = 0; round < 5 * scale; ++round) {
        fiber::runtime rt;
        chan<int> const ch(round % 3);
        std::atomic<int> sent{0}, received{0}, after_close{0};
        std::vector<fiber::handle> all;
        for (int i = 0; i < senders; ++i)
            all.push_back(rt.go([&] {
                try {
                    ch.send(1);
                    ++sent;
                } catch (fiber::closed_channel const&) {
                }
            }));
        auto looks = rt.go([&] {
            while (!ch.closed())
                fiber::this_fiber::yield();
            auto const room = static_cast<int>(ch.capacity());
            while (ch.recv())
                ++after_close;
            received += after_close;
            if (after_close > room)
                after_close = -1000;
        });
        ch.close();
        join_all(all);
        looks.join();
        CHECK(after_close >= 0);
        CHECK(sent == received);
    }
}
