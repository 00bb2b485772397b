// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chan_parties_test.cpp: tests several fibers, OS threads and runtimes on one channel or on a chain of
// channels.
#include "tests/chan/parked.hpp"
#include "tests/support/catch.hpp"

#include <fiber/chan.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <ranges>
#include <thread>
#include <vector>

using fiber::chan;
using fiber::op_status;

TEST_CASE("values arrive in order at any capacity", "[chan]") {
    fiber::runtime rt;
    for (int capacity = 0; capacity <= 10; ++capacity) {
        bool const in_order = rt.run([&] {
            chan<int> const ch(capacity);
            auto h = fiber::go([ch] {
                for (int i = 0; i < 100; ++i)
                    ch.send(i);
                ch.close();
            });
            int next = 0;
            bool ok = true;
            while (auto v = ch.recv())
                ok &= *v == next++;
            h.join();
            return ok && next == 100;
        });
        CHECK(in_order);
    }
}

TEST_CASE("several senders and receivers deliver each value exactly once", "[chan]") {
    fiber::runtime rt;
    constexpr int tasks = 4, each = 250;
    for (int capacity : {0, 1, 10}) {
        chan<int> const ch(capacity);
        std::array<std::atomic<int>, tasks * each> seen{};
        std::vector<fiber::handle> senders, receivers;
        for (int p = 0; p < tasks; ++p) {
            senders.push_back(rt.go([ch, p] {
                for (int i = 0; i < each; ++i)
                    ch.send(p * each + i);
            }));
            receivers.push_back(rt.go([ch, &seen] {
                for (int n : ch)
                    ++seen[static_cast<std::size_t>(n)];
            }));
        }
        for (auto& h : senders)
            h.join();
        ch.close();
        for (auto& h : receivers)
            h.join();
        bool const once = std::ranges::all_of(seen, [](auto& n) { return n == 1; });
        CHECK(once);
    }
}

TEST_CASE("a chain of fibers passes a value from end to end", "[chan]") {
    fiber::runtime rt;
    chan<int> const first;
    chan<int> right = first;
    std::vector<fiber::handle> all;
    for (int i = 0; i < 100; ++i) {
        chan<int> const left;
        all.push_back(rt.go([from = right, to = left] { to.send(from.recv().value() + 1); }));
        right = left;
    }
    first.send(0);
    CHECK(right.recv() == 100);
    for (auto& h : all)
        h.join();
}

TEST_CASE("a sieve of channels finds the primes", "[chan]") {
    fiber::runtime rt;
    auto const primes = rt.run([] {
        chan<int> numbers;
        std::vector<fiber::handle> all;
        all.push_back(fiber::go([numbers] {
            for (int i = 2; i < 100; ++i)
                numbers.send(i);
            numbers.close();
        }));
        std::vector<int> found;
        while (auto const prime = numbers.recv()) {
            found.push_back(*prime);
            chan<int> const rest;
            all.push_back(fiber::go([in = numbers, out = rest, p = *prime] {
                for (int n : in)
                    if (n % p != 0)
                        out.send(n);
                out.close();
            }));
            numbers = rest;
        }
        for (auto& h : all)
            h.join();
        return found;
    });
    CHECK(primes.size() == 25);
    CHECK(primes.back() == 97);
}

TEST_CASE("OS threads and fibers exchange values", "[chan]") {
    fiber::runtime rt;
    constexpr int each = 300;
    for (int capacity : {0, 1, 16}) {
        chan<int> const ch(capacity);
        std::atomic<int> sum{0}, count{0};
        auto const produce = [ch] {
            for (int i = 1; i <= each; ++i)
                ch.send(i);
        };
        auto const consume = [&, ch] {
            for (int v : ch) {
                sum += v;
                ++count;
            }
        };
        {
            std::jthread c1(consume), c2(consume);
            auto f1 = rt.go(consume);
            {
                std::jthread p1(produce), p2(produce);
                auto g1 = rt.go(produce), g2 = rt.go(produce);
                g1.join();
                g2.join();
            }
            ch.close();
            f1.join();
        }
        CHECK(count == 4 * each);
        CHECK(sum == 4 * each * (each + 1) / 2);
    }
}

TEST_CASE("fibers of different runtimes share a channel", "[chan]") {
    fiber::runtime left, right;
    chan<int> const there, back;
    auto echo = right.go([=] {
        for (int v : there)
            back.send(v + 1);
    });
    int const last = left.run([=] {
        int n = 0;
        for (int i = 0; i < 100; ++i) {
            there.send(n);
            n = back.recv().value();
        }
        there.close();
        return n;
    });
    echo.join();
    CHECK(last == 100);
}

TEST_CASE("a handle may be destroyed once the wait on it has returned", "[chan]") {
    fiber::runtime rt;
    rt.run([] {
        for (int i = 0; i < 500; ++i) {
            fiber::handle partner;
            {
                chan<int> const only; // the partner uses this same handle
                switch (i % 3) {
                case 0:
                    partner = fiber::go([&only] { only.send(1); });
                    only.recv();
                    break;
                case 1:
                    partner = fiber::go([&only] { only.recv(); });
                    only.send(1);
                    break;
                default:
                    partner = fiber::go([&only] { only.close(); });
                    only.recv();
                }
            }
            partner.join();
        }
    });
    SUCCEED("the sanitizers had nothing to say");
}

TEST_CASE("try_send never finds a channel with a receiver full during a close", "[chan]") {
    fiber::runtime rt;
    std::atomic<int> seen_full{0};
    for (int i = 0; i < 300; ++i) {
        chan<int> const ch;
        auto receiver = rt.go([ch] { ch.recv(); });
        await_parked(rt, 1);
        auto h = rt.go([&seen_full, ch] {
            if (ch.try_send(1) == op_status::full)
                ++seen_full;
        });
        ch.close();
        h.join();
        receiver.join();
    }
    CHECK(seen_full == 0);
}

TEST_CASE("try_recv never finds a channel with a value empty during a close", "[chan]") {
    fiber::runtime rt;
    std::atomic<int> seen_empty{0};
    for (int i = 0; i < 300; ++i) {
        chan<int> const ch(1);
        ch.send(1);
        auto h = rt.go([&seen_empty, ch] {
            int n = 0;
            if (ch.try_recv(n) == op_status::empty)
                ++seen_empty;
        });
        ch.close();
        ch.recv();
        h.join();
    }
    CHECK(seen_empty == 0);
}
