// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chan_test.cpp: tests Go's rules of a channel: null, full, empty, closed, and the order of values. The
// test's own flow is an OS thread. Its partners are fibers of a separate runtime, so the number of parked
// fibers tells how many partners wait.
#include "tests/chan/parked.hpp"
#include "tests/support/catch.hpp"

#include <fiber/chan.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using fiber::chan;
using fiber::closed_channel;
using fiber::op_status;
using namespace std::chrono_literals;

namespace {

constexpr auto past = std::chrono::steady_clock::time_point::min();

template <class T>
bool throws_closed(chan<T> const& ch, T value) {
    try {
        ch.send(std::move(value));
    } catch (closed_channel const&) {
        return true;
    }
    return false;
}

} // namespace

TEST_CASE("a null channel is false, has no room, and equals every null channel", "[chan]") {
    chan<int> const null = nullptr;
    CHECK_FALSE(null);
    CHECK(null == nullptr);
    CHECK(null == chan<int>(nullptr));
    CHECK(null != chan<int>());
    CHECK(null.size() == 0);
    CHECK(null.capacity() == 0);
    CHECK_FALSE(null.closed());
}

TEST_CASE("try operations on a null channel fail at once", "[chan]") {
    chan<int> const null = nullptr;
    int n = 7;
    CHECK(null.try_send(n) == op_status::full);
    CHECK(null.try_send(8) == op_status::full);
    CHECK(null.try_recv(n) == op_status::empty);
    CHECK(n == 7);
}

TEST_CASE("timed operations on a null channel time out", "[chan]") {
    chan<int> const null = nullptr;
    fiber::runtime rt;
    auto const timed = [&] {
        auto const start = std::chrono::steady_clock::now();
        int n = 7;
        bool const ok = null.send_for(1, 3ms) == op_status::timeout &&
                        null.recv_for(n, 3ms) == op_status::timeout &&
                        null.recv_until(n, past) == op_status::timeout && n == 7;
        return ok && std::chrono::steady_clock::now() - start >= 6ms;
    };
    CHECK(timed());
    CHECK(rt.run(timed));
}

TEST_CASE("send, recv and iteration on a null channel block for ever", "[chan]") {
    static std::atomic<int> returned{0}; // static: the fibers still exist after the test
    auto const parked_before = fiber::runtime::global().stats().fibers_parked;
    fiber::go([] {
        chan<int>(nullptr).send(1);
        ++returned;
    });
    fiber::go([] {
        chan<int>(nullptr).recv();
        ++returned;
    });
    auto iteration = fiber::go([] {
        for (int n : chan<int>(nullptr))
            returned += n;
        ++returned;
    });
    await_parked(fiber::runtime::global(), parked_before + 3);
    CHECK_FALSE(iteration.join_for(5ms));
    CHECK(returned == 0);
}

TEST_CASE("closing a null channel throws", "[chan]") {
    CHECK_THROWS_AS(chan<int>(nullptr).close(), closed_channel);
}

TEST_CASE("a literal zero is a capacity, not a null channel", "[chan]") {
    chan<int> const zero(0);
    CHECK(zero);
    CHECK(zero.capacity() == 0);
    CHECK(chan<int>().capacity() == 0);
    CHECK(chan<int>(std::uint8_t{3}).capacity() == 3);
    CHECK(chan<int>(5L).capacity() == 5);
    static_assert(!std::is_convertible_v<int, chan<int>>);
    static_assert(std::is_convertible_v<std::nullptr_t, chan<int>>);
}

TEST_CASE("copies share the channel, and a moved-from handle is null", "[chan]") {
    chan<int> a(1);
    chan<int> b = a;
    CHECK(a == b);
    CHECK(a != chan<int>(1));
    a.send(4);
    CHECK(b.recv() == 4);
    chan<int> const c = std::move(a);
    CHECK(c == b);
    CHECK(a == nullptr); // NOLINT(bugprone-use-after-move): tests the moved-from handle
    b = nullptr;
    CHECK_FALSE(b);
    b = c;
    b = *&b;
    CHECK(b == c);
}

TEST_CASE("try operations succeed with room or values, and fail without", "[chan]") {
    int n = 0;
    SECTION("unbuffered") {
        chan<int> const ch;
        CHECK(ch.try_recv(n) == op_status::empty);
        CHECK(ch.try_send(1) == op_status::full);
        CHECK(ch.size() == 0);
    }
    SECTION("buffered") {
        chan<int> const ch(2);
        CHECK(ch.try_recv(n) == op_status::empty);
        CHECK(ch.try_send(1) == op_status::success);
        int const two = 2;
        CHECK(ch.try_send(two) == op_status::success);
        CHECK(ch.try_send(3) == op_status::full);
        CHECK(ch.size() == 2);
        CHECK(ch.try_recv(n) == op_status::success);
        CHECK(n == 1);
        CHECK(ch.try_recv(n) == op_status::success);
        CHECK(n == 2);
        CHECK(ch.try_recv(n) == op_status::empty);
        CHECK(n == 2);
    }
}

TEST_CASE("a ring keeps its order when it wraps around", "[chan]") {
    for (int capacity = 1; capacity <= 5; ++capacity) {
        chan<int> const ch(capacity);
        int sent = 0, received = 0;
        bool in_order = true;
        for (int round = 0; round < 40; ++round) {
            for (int i = 0; i <= round % capacity; ++i)
                ch.send(sent++);
            while (ch.size() > 0)
                in_order &= ch.recv() == received++;
        }
        CHECK(in_order);
        CHECK(sent == received);
    }
}

TEST_CASE("a closed channel gives its values, then nothing", "[chan]") {
    chan<int> const ch(3);
    ch.send(1);
    ch.send(2);
    CHECK_FALSE(ch.closed());
    ch.close();
    CHECK(ch.closed());
    int n = 0;
    CHECK(ch.recv() == 1);
    CHECK(ch.try_recv(n) == op_status::success);
    CHECK(n == 2);
    CHECK(ch.recv() == std::nullopt);
    CHECK(ch.try_recv(n) == op_status::closed);
    CHECK(ch.recv_for(n, 1h) == op_status::closed);
    CHECK(ch.recv_until(n, past) == op_status::closed);
    CHECK(n == 2);
}

TEST_CASE("a closed channel accepts no value", "[chan]") {
    for (int capacity : {0, 2}) {
        chan<std::string> const ch(capacity);
        ch.close();
        std::string value = "still mine, and long enough to live on the heap";
        CHECK_THROWS_AS(ch.send("x"), closed_channel);
        CHECK(ch.try_send(value) == op_status::closed);
        CHECK(ch.try_send(std::move(value)) == op_status::closed);
        CHECK(ch.send_for(std::move(value), 1h) == op_status::closed);
        CHECK(ch.send_until(std::move(value), past) == op_status::closed);
        CHECK(value == "still mine, and long enough to live on the heap");
    }
}

TEST_CASE("the second close of a channel throws", "[chan]") {
    chan<int> const ch;
    ch.close();
    CHECK_THROWS_AS(ch.close(), closed_channel);
    CHECK_THROWS_WITH(ch.close(), "fiber::chan: close of a closed channel");
    CHECK_THROWS_WITH(ch.send(1), "fiber::chan: send to a closed channel");
    CHECK_THROWS_AS(ch.close(), std::logic_error);
}

TEST_CASE("close wakes every blocked receiver without a value", "[chan]") {
    for (int capacity : {0, 2}) {
        fiber::runtime rt;
        chan<int> const ch(capacity);
        std::array<std::atomic<int>, 4> ended{};
        std::vector<fiber::handle> all;
        for (std::size_t i = 0; i < ended.size(); ++i)
            all.push_back(rt.go([&ch, &e = ended[i], i] {
                int n = 0;
                bool const closed = i % 2 == 0 ? !ch.recv() : ch.recv_for(n, 1h) == op_status::closed;
                e = closed ? 1 : 2;
            }));
        await_parked(rt, ended.size());
        ch.close();
        for (auto& h : all)
            h.join();
        for (auto& e : ended)
            CHECK(e == 1);
    }
}

TEST_CASE("fibers woken by close run after all runnable fibers", "[chan]") {
    int const n = GENERATE(1, 2);
    fiber::runtime one({.processors = 1});
    std::string order;
    one.run([&order, n] {
        fiber::chan<int> const c;
        std::vector<fiber::handle> all;
        for (int i = 0; i < n; ++i)
            all.push_back(fiber::go([&] {
                c.recv();
                order += 'w';
            }));
        fiber::this_fiber::yield();
        for (int i = 0; i < 2; ++i)
            all.push_back(fiber::go([&] {
                fiber::this_fiber::yield();
                order += 'r';
            }));
        fiber::this_fiber::yield(); // the fibers are in the run queue then
        c.close();
        for (auto& h : all)
            h.join();
    });
    CHECK(order == "rr" + std::string(static_cast<std::size_t>(n), 'w'));
}

TEST_CASE("close wakes every blocked sender, and their values are not received", "[chan]") {
    for (int capacity : {0, 1, 3}) {
        fiber::runtime rt;
        chan<int> const ch(capacity);
        for (int i = 0; i < capacity; ++i)
            ch.send(i);
        std::atomic<int> thrown{0}, reported{0}, kept{0};
        std::vector<fiber::handle> all;
        for (int i = 0; i < 4; ++i)
            all.push_back(rt.go([&, i] {
                if (i % 2 == 0) {
                    thrown += throws_closed(ch, 100 + i) ? 1 : 0;
                } else {
                    int value = 100 + i;
                    reported += ch.send_for(std::move(value), 1h) == op_status::closed ? 1 : 0;
                    kept += value == 100 + i ? 1 : 0;
                }
            }));
        await_parked(rt, 4);
        ch.close();
        for (auto& h : all)
            h.join();
        CHECK(thrown == 2);
        CHECK(reported == 2);
        CHECK(kept == 2);
        for (int i = 0; i < capacity; ++i)
            CHECK(ch.recv() == i);
        CHECK(ch.recv() == std::nullopt);
    }
}

TEST_CASE("an unbuffered send returns after its value has been received", "[chan]") {
    fiber::runtime rt;
    chan<int> const ch;
    std::atomic<bool> sent{false};
    auto h = rt.go([&] {
        ch.send(42);
        sent = true;
    });
    await_parked(rt, 1);
    CHECK_FALSE(sent);
    CHECK(ch.size() == 0);
    CHECK(ch.recv() == 42);
    h.join();
    CHECK(sent);
}

TEST_CASE("a send bypasses the ring if a receiver waits", "[chan]") {
    for (int capacity : {0, 2}) {
        fiber::runtime rt;
        chan<int> const ch(capacity);
        std::atomic<int> got{0};
        auto h = rt.go([&] { got = ch.recv().value_or(-1); });
        await_parked(rt, 1);
        CHECK(ch.try_send(5) == op_status::success);
        CHECK(ch.size() == 0);
        h.join();
        CHECK(got == 5);
    }
}

TEST_CASE("try_recv receives from a waiting sender", "[chan]") {
    fiber::runtime rt;
    chan<int> const ch;
    auto h = rt.go([&] { ch.send(9); });
    await_parked(rt, 1);
    int n = 0;
    CHECK(ch.try_recv(n) == op_status::success);
    CHECK(n == 9);
    h.join();
    CHECK(ch.try_recv(n) == op_status::empty);
}

TEST_CASE("blocked receivers are served in FIFO order", "[chan]") {
    fiber::runtime rt;
    chan<int> const ch;
    std::array<std::atomic<int>, 5> got{};
    std::vector<fiber::handle> all;
    for (std::size_t i = 0; i < got.size(); ++i) {
        all.push_back(rt.go([&ch, &g = got[i]] { g = ch.recv().value_or(-1); }));
        await_parked(rt, i + 1);
    }
    for (int i = 1; i <= 5; ++i)
        CHECK(ch.try_send(i) == op_status::success);
    CHECK(ch.try_send(6) == op_status::full);
    for (auto& h : all)
        h.join();
    for (std::size_t i = 0; i < got.size(); ++i)
        CHECK(got[i] == static_cast<int>(i) + 1);
}

TEST_CASE("values of blocked senders follow the values in the ring, in FIFO order", "[chan]") {
    for (int capacity : {0, 1, 3}) {
        fiber::runtime rt;
        chan<int> const ch(capacity);
        for (int i = 0; i < capacity; ++i)
            ch.send(i);
        std::vector<fiber::handle> all;
        for (int i = 0; i < 4; ++i) {
            all.push_back(rt.go([&ch, i, capacity] { ch.send(capacity + i); }));
            await_parked(rt, static_cast<std::size_t>(i) + 1);
        }
        for (int i = 0; i < capacity + 4; ++i) {
            int n = -1;
            CHECK(ch.try_recv(n) == op_status::success);
            CHECK(n == i);
        }
        CHECK(ch.size() == 0);
        for (auto& h : all)
            h.join();
    }
}

TEST_CASE("one receive from a full channel wakes one blocked sender", "[chan]") {
    fiber::runtime rt;
    chan<int> const ch(2);
    ch.send(0);
    ch.send(1);
    std::atomic<int> done{0};
    auto first = rt.go([&] {
        ch.send(2);
        ++done;
    });
    await_parked(rt, 1);
    auto second = rt.go([&] {
        ch.send(3);
        ++done;
    });
    await_parked(rt, 2);
    CHECK(ch.recv() == 0);
    first.join();
    CHECK(ch.size() == 2); // the value of the woken sender is in the ring
    await_parked(rt, 1);
    CHECK(done == 1);
    CHECK(ch.recv() == 1);
    second.join();
    CHECK(ch.recv() == 2);
    CHECK(ch.recv() == 3);
}
