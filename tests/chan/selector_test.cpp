// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// selector_test.cpp: tests selects with cases that are known only at run time.
#include "tests/chan/parked.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tally.hpp"

#include <fiber/chan.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>
#include <fiber/select.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <vector>

using fiber::chan;
using tests::ignore;
using tests::nothing;
using namespace std::chrono_literals;

TEST_CASE("a selector runs ready cases in repeated waits", "[selector]") {
    chan<int> const a(4), b(4);
    int sum = 0;
    fiber::selector s;
    CHECK(s.recv(a, [&](std::optional<int> v) { sum += v.value(); }) == 0);
    CHECK(s.recv(b, [&](std::optional<int> v) { sum += 10 * v.value(); }) == 1);
    CHECK_FALSE(s.try_wait());
    b.send(2);
    CHECK(s.wait() == 1);
    a.send(1);
    CHECK(s.try_wait());
    CHECK_FALSE(s.try_wait());
    CHECK(sum == 21);
    CHECK(s.size() == 2);
}

TEST_CASE("a selector's value is sent once", "[selector]") {
    chan<std::unique_ptr<int>> const ch(2);
    fiber::selector s;
    s.send(ch, std::make_unique<int>(4), nothing);
    CHECK(s.wait() == 0);
    CHECK_FALSE(s.try_wait());
    CHECK(*ch.recv().value() == 4);
    ch.close();
    s.send(ch, nullptr, nothing);
    CHECK_THROWS_AS(s.wait(), fiber::closed_channel);
}

TEST_CASE("a selector accepts time-outs, deadlines and stops", "[selector]") {
    chan<int> const ch;
    std::stop_source source;
    fiber::selector s;
    s.recv(ch, ignore);
    auto const timeout = s.timeout(1ms, nothing);
    CHECK(s.wait() == timeout);
    CHECK(s.wait() == timeout);
    s.remove(timeout);
    auto const deadline = s.deadline(std::chrono::system_clock::now() + 1ms, nothing);
    CHECK(s.wait() == deadline);
    s.remove(deadline);
    auto const stop = s.stop(source.get_token(), nothing);
    CHECK_FALSE(s.try_wait());
    source.request_stop();
    CHECK(s.wait() == stop);
    CHECK(s.try_wait());
}

TEST_CASE("a removed case is never ready, and the others keep their positions", "[selector]") {
    chan<int> const a(1), b(1);
    a.send(1);
    fiber::selector s;
    s.recv(a, ignore);
    s.recv(b, ignore);
    s.remove(0);
    CHECK_FALSE(s.try_wait());
    b.send(1);
    CHECK(s.wait() == 1);
    CHECK_THROWS_AS(s.remove(2), std::out_of_range);
    CHECK(a.size() == 1);
}

TEST_CASE("a selector's callable may remove its own case and add others", "[selector]") {
    chan<int> const first(1), second(1);
    fiber::selector s;
    int got = 0;
    s.recv(first, [&, more = std::vector<int>(10, 1)](auto) {
        s.remove(0);
        for (int i = 0; i < 100; ++i)
            s.recv(second, [&](std::optional<int> v) { got = v.value(); });
        got = std::accumulate(more.begin(), more.end(), 0); // the captures still exist
    });
    first.send(1);
    CHECK(s.wait() == 0);
    CHECK(got == 10);
    second.send(5);
    CHECK(s.wait() != 0);
    CHECK(got == 5);
}

TEST_CASE("null channels in a selector are never ready", "[selector]") {
    fiber::selector s;
    CHECK_FALSE(s.try_wait()); // without any case
    s.recv(fiber::receiver<int>(), ignore);
    s.send(chan<int>(nullptr), 1, nothing);
    CHECK_FALSE(s.try_wait());
    auto const timeout = s.timeout(1ms, nothing);
    CHECK(s.wait() == timeout);
    chan<int> const value(1);
    value.send(1);
    auto const received = s.recv(value, ignore);
    CHECK(s.wait() == received);
}

TEST_CASE("an exception of a selector's callable follows the operation and keeps the case", "[selector]") {
    chan<int> const ch(2), sent(1);
    fiber::selector s;
    int seen = 0;
    s.recv(ch, [&](std::optional<int> v) {
        if (v == 1)
            throw std::runtime_error("not this one");
        seen = v.value();
    });
    ch.send(1);
    ch.send(2);
    CHECK_THROWS_WITH(s.wait(), "not this one");
    CHECK(s.wait() == 0);
    CHECK(seen == 2);
    s.send(sent, 5, [] { throw std::runtime_error("but sent"); });
    CHECK_THROWS_WITH(s.try_wait(), "but sent");
    CHECK(sent.recv() == 5);
    CHECK_FALSE(s.try_wait()); // the value was sent once
}

TEST_CASE("a send case of a selector throws once if its channel is closed", "[selector]") {
    chan<int> const ch;
    ch.close();
    fiber::selector s;
    s.send(ch, 1, nothing);
    CHECK_THROWS_AS(s.wait(), fiber::closed_channel);
    CHECK_FALSE(s.try_wait());
}

TEST_CASE("a selector keeps its channels alive", "[selector]") {
    fiber::selector s;
    {
        chan<int> const ch(1);
        ch.send(3);
        s.recv(ch, ignore);
    }
    auto moved = std::move(s);
    CHECK(moved.wait() == 0);
}

TEST_CASE("a selector waits for hundreds of channels", "[selector]") {
    fiber::runtime rt;
    constexpr std::size_t channels = 200 * tests::scale, each = 3; // each wait looks at all of them
    std::vector<chan<std::size_t>> all(channels);
    std::vector<std::size_t> seen(channels);
    std::size_t wrong = 0, open = channels;
    auto waits = rt.go([&] {
        fiber::selector s;
        for (std::size_t i = 0; i < channels; ++i)
            s.recv(all[i], [&, i](std::optional<std::size_t> v) {
                if (v) {
                    ++seen[i];
                    wrong += *v == i ? 0 : 1;
                } else {
                    s.remove(i);
                    --open;
                }
            });
        while (open != 0)
            s.wait();
    });
    std::vector<fiber::handle> senders;
    for (std::size_t k = 0; k < 4; ++k)
        senders.push_back(rt.go([&, k] {
            for (std::size_t i = k; i < channels; i += 4) {
                for (std::size_t n = 0; n < each; ++n)
                    all[i].send(i);
                all[i].close();
            }
        }));
    for (auto& h : senders)
        h.join();
    waits.join();
    CHECK(wrong == 0);
    CHECK(std::all_of(seen.begin(), seen.end(), [](std::size_t n) { return n == each; }));
}
