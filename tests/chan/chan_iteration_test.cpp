// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chan_iteration_test.cpp: tests channels as ranges, and the halves of channels.
#include "tests/support/catch.hpp"

#include <fiber/chan.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <ranges>
#include <type_traits>

using fiber::chan;
using fiber::closed_channel;
using fiber::op_status;
using namespace std::chrono_literals;

namespace {

constexpr auto past = std::chrono::steady_clock::time_point::min();

} // namespace

TEST_CASE("iteration ends when the channel is closed and drained", "[chan]") {
    chan<int> const ch(4);
    for (int i = 1; i <= 4; ++i)
        ch.send(i);
    ch.close();
    int sum = 0;
    for (auto& v : ch) {
        v *= 10; // the value belongs to the loop
        sum += v;
    }
    CHECK(sum == 100);
    CHECK(ch.begin() == ch.end());
}

TEST_CASE("a loop that breaks loses only its current value", "[chan]") {
    chan<int> const ch(4);
    for (int i = 1; i <= 4; ++i)
        ch.send(i);
    for (int v : ch)
        if (v == 2)
            break;
    CHECK(ch.recv() == 3);
    CHECK(ch.size() == 1);
}

TEST_CASE("a loop keeps its channel alive without a handle", "[chan]") {
    chan<int> ch(3);
    for (int i = 1; i <= 3; ++i)
        ch.send(i);
    ch.close();
    int sum = 0;
    for (int v : ch) {
        ch = nullptr;
        sum += v;
    }
    CHECK(sum == 6);
}

TEST_CASE("a channel is an input range", "[chan]") {
    static_assert(std::input_iterator<chan<int>::iterator>);
    static_assert(std::ranges::input_range<chan<int> const>);
    static_assert(std::ranges::input_range<fiber::receiver<int>>);
    chan<int> const ch(5);
    for (int i = 1; i <= 5; ++i)
        ch.send(i);
    ch.close();
    auto const odd = std::ranges::count_if(ch, [](int n) { return n % 2 != 0; });
    CHECK(odd == 3);
}

TEST_CASE("halves of a channel have fewer operations", "[chan]") {
    fiber::runtime rt;
    chan<int> const ch(1);
    fiber::sender<int> const in = ch;
    fiber::receiver<int> const out = ch;
    CHECK(in == fiber::sender<int>(ch));
    CHECK(out == fiber::receiver<int>(ch));
    CHECK(in.capacity() == 1);
    CHECK(in.try_send(1) == op_status::success);
    CHECK(in.try_send(2) == op_status::full);
    CHECK(in.send_for(2, 0s) == op_status::timeout);
    CHECK(in.send_until(2, past) == op_status::timeout);
    CHECK(out.size() == 1);
    int n = 0;
    CHECK(out.try_recv(n) == op_status::success);
    CHECK(n == 1);
    CHECK(out.recv_for(n, 0s) == op_status::timeout);
    CHECK(out.recv_until(n, past) == op_status::timeout);

    auto const produce = [](fiber::sender<int> to) {
        for (int i = 0; i < 10; ++i)
            to.send(i);
        to.close();
    };
    auto const consume = [](fiber::receiver<int> from) {
        int sum = 0;
        for (int v : from)
            sum += v;
        return sum;
    };
    auto h = rt.go(produce, ch);
    CHECK(consume(ch) == 45);
    h.join();
    CHECK(in.closed());
    CHECK(out.closed());
    CHECK(out.recv() == std::nullopt);
    static_assert(!std::is_convertible_v<fiber::sender<int>, fiber::receiver<int>>);
    static_assert(!std::is_convertible_v<fiber::sender<int>, chan<int>>);
    static_assert(!std::is_convertible_v<fiber::receiver<int>, chan<int>>);
}

TEST_CASE("a default-constructed half is null", "[chan]") {
    fiber::sender<int> const in;
    fiber::receiver<int> const out = nullptr;
    int n = 0;
    CHECK_FALSE(in);
    CHECK_FALSE(out);
    CHECK(in.try_send(1) == op_status::full);
    CHECK(out.try_recv(n) == op_status::empty);
    CHECK_THROWS_AS(in.close(), closed_channel);
}
