// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chan_types_test.cpp: tests the types of elements, and that no value is lost, duplicated or leaked.
#include "tests/chan/elements.hpp"
#include "tests/chan/parked.hpp"
#include "tests/support/catch.hpp"

#include <fiber/chan.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using fiber::chan;
using fiber::op_status;
using tests::counted;
using tests::over_aligned;
using tests::over_aligned_throwing;
using tests::throwing_copy;
using tests::throwing_move;
using namespace std::chrono_literals;

namespace {

// As in Go, the request contains the channel for the answer. Here the answer is a request, too.
struct request {
    int number = 0;
    chan<request> reply = nullptr;
};

struct not_assignable {
    int const value;
};

struct nothing {};

// Returns the message of the exception for a capacity that chan refuses.
template <class T, class Capacity>
std::string refusal(Capacity capacity) {
    try {
        chan<T> const ch(capacity);
    } catch (std::length_error const& e) {
        return e.what();
    }
    return "";
}

bool contains(std::string const& text, char const* part) { return text.find(part) != std::string::npos; }

} // namespace

template class fiber::chan<int>;
template class fiber::sender<std::string>;
template class fiber::receiver<std::string>;

TEST_CASE("move-only values go through every operation", "[chan]") {
    fiber::runtime rt;
    using box = std::unique_ptr<int>;
    chan<box> const ch(2);
    box value = std::make_unique<int>(1);
    CHECK(ch.try_send(std::move(value)) == op_status::success);
    CHECK_FALSE(value);
    ch.send(std::make_unique<int>(2));
    value = std::make_unique<int>(3);
    CHECK(ch.try_send(std::move(value)) == op_status::full);
    CHECK(ch.send_for(std::move(value), 1ms) == op_status::timeout);
    REQUIRE(value);
    auto h = rt.go([&] { ch.send(std::move(value)); });
    await_parked(rt, 1);
    CHECK(*ch.recv().value() == 1);
    h.join();
    CHECK_FALSE(value);
    box out;
    CHECK(ch.try_recv(out) == op_status::success);
    CHECK(*out == 2);
    CHECK(ch.recv_for(out, 1h) == op_status::success);
    CHECK(*out == 3);
    ch.close();
    CHECK_FALSE(ch.recv());
}

TEST_CASE("elements are neither leaked nor destroyed twice", "[chan]") {
    fiber::runtime rt;
    for (int capacity : {0, 1, 4}) {
        {
            chan<counted> const ch(capacity);
            auto producer = rt.go([ch] {
                for (int i = 0; i < 50; ++i)
                    ch.send(counted(i));
            });
            bool in_order = true;
            for (int i = 0; i < 50; ++i)
                in_order &= ch.recv().value().value == i;
            producer.join();
            CHECK(in_order);
            CHECK(counted::alive == 0);

            for (int i = 0; i < capacity; ++i)
                ch.send(counted(i));
            CHECK(counted::valid == capacity);
        }
        CHECK(counted::alive == 0); // the last handle has destroyed the values in the channel
        CHECK(counted::valid == 0);
    }
}

TEST_CASE("the destructor destroys all values of a wrapped ring", "[chan]") {
    {
        chan<counted> const ch(3);
        for (int i = 0; i < 3; ++i)
            ch.send(counted(i));
        ch.recv();
        ch.recv();
        ch.send(counted(3));
        CHECK(counted::valid == 2);
    }
    CHECK(counted::alive == 0);
}

TEST_CASE("a failed send leaves the value whole", "[chan]") {
    fiber::runtime rt;
    chan<counted> const full(1);
    full.send(counted(0));
    counted value(7);
    CHECK(full.try_send(std::move(value)) == op_status::full);
    CHECK(full.send_for(std::move(value), 1ms) == op_status::timeout);
    std::atomic<bool> closed{false};
    auto h = rt.go([&] { closed = full.send_for(std::move(value), 1h) == op_status::closed; });
    await_parked(rt, 1);
    full.close();
    h.join();
    CHECK(closed);
    CHECK(full.try_send(std::move(value)) == op_status::closed);
    CHECK(value.value == 7);
}

TEST_CASE("values of blocked senders are destroyed once after a close", "[chan]") {
    fiber::runtime rt;
    {
        chan<counted> const ch;
        std::atomic<int> thrown{0};
        std::vector<fiber::handle> all;
        for (int i = 0; i < 3; ++i)
            all.push_back(rt.go([&thrown, ch, i] {
                try {
                    ch.send(counted(i));
                } catch (fiber::closed_channel const&) {
                    ++thrown;
                }
            }));
        await_parked(rt, 3);
        ch.close();
        for (auto& h : all)
            h.join();
        CHECK(thrown == 3);
    }
    CHECK(counted::alive == 0);
}

TEST_CASE("try_send copies the value only if it may succeed", "[chan]") {
    struct copies {
        explicit copies(int& n) : made(&n) {}
        copies(copies const& other) noexcept : made(other.made) { ++*made; }
        copies(copies&&) = default;
        int* made;
    };
    int made = 0;
    copies const value(made);
    chan<copies> const ch(1);
    CHECK(ch.try_send(value) == op_status::success);
    CHECK(made > 0);
    made = 0;
    CHECK(ch.try_send(value) == op_status::full);
    ch.close();
    CHECK(ch.try_send(value) == op_status::closed);
    CHECK(made == 0);
}

TEST_CASE("every operation delivers a value with a throwing move", "[chan]") {
    fiber::runtime rt;
    for (int capacity : {0, 1, 3}) {
        chan<throwing_move> const ch(capacity);
        auto producer = rt.go([ch] {
            for (int i = 0; i < 20; ++i)
                if (i % 2 == 0)
                    ch.send(throwing_move(i));
                else
                    static_cast<void>(ch.send_for(throwing_move(i), 1h));
            ch.close();
        });
        int next = 0;
        bool in_order = true;
        for (auto& v : ch)
            in_order &= v.value == next++;
        producer.join();
        CHECK(in_order);
        CHECK(next == 20);
    }
    CHECK(throwing_move::alive == 0);
}

TEST_CASE("a throwing move in the sender sends nothing", "[chan]") {
    {
        chan<throwing_move> const ch(2);
        throwing_move value(5);
        throwing_move::fuse = 1;
        CHECK_THROWS_AS(ch.try_send(std::move(value)), std::runtime_error);
        CHECK(value.value == 5);
        throwing_move::fuse = 1;
        CHECK_THROWS_AS(ch.send_for(std::move(value), 1h), std::runtime_error);
        CHECK(value.value == 5);
        CHECK(ch.size() == 0);
        CHECK(ch.try_send(std::move(value)) == op_status::success);
        CHECK(ch.recv().value().value == 5);
    }
    CHECK(throwing_move::alive == 0);
}

TEST_CASE("a failed send returns a move-only value with a throwing move", "[chan]") {
    chan<throwing_move> const ch;
    throwing_move value(6);
    CHECK(ch.try_send(std::move(value)) == op_status::full);
    CHECK(value.value == 6);
    CHECK(ch.send_for(std::move(value), 1ms) == op_status::timeout);
    CHECK(value.value == 6);
    ch.close();
    CHECK(ch.try_send(std::move(value)) == op_status::closed);
    CHECK(value.value == 6);
}

TEST_CASE("a throwing move in the receiver loses only its value", "[chan]") {
    {
        chan<throwing_move> const ch(3);
        for (int i = 0; i < 3; ++i)
            ch.send(throwing_move(i));
        throwing_move::fuse = 1;
        CHECK_THROWS_AS(ch.recv(), std::runtime_error);
        CHECK(ch.size() == 2);
        throwing_move out(0);
        throwing_move::fuse = 1;
        CHECK_THROWS_AS(ch.try_recv(out), std::runtime_error);
        CHECK(ch.recv().value().value == 2);
    }
    CHECK(throwing_move::alive == 0);
}

TEST_CASE("a throwing copy sends nothing", "[chan]") {
    chan<throwing_copy> const ch(1);
    throwing_copy value(5);
    throwing_copy::fuse = 1;
    CHECK_THROWS_AS(ch.try_send(value), std::runtime_error);
    throwing_copy::fuse = 1;
    CHECK_THROWS_AS(ch.try_send(std::move(value)), std::runtime_error);
    CHECK(value.value == 5);
    CHECK(ch.size() == 0);
    CHECK(ch.try_send(value) == op_status::success);
    CHECK(ch.try_send(value) == op_status::full);
    CHECK(ch.recv().value().value == 5);
}

TEST_CASE("over-aligned values are aligned in every place", "[chan]") {
    fiber::runtime rt;
    for (int capacity : {0, 3}) {
        chan<over_aligned> const ch(capacity);
        std::atomic<bool> ok{true};
        auto h = rt.go([&] {
            for (int i = 0; i < 10; ++i)
                static_cast<void>(
                    ch.send_for(over_aligned(i), 1h)); // by value, g++ warns of its ABI before 4.6
        });
        for (int i = 0; i < 10; ++i) {
            auto const v = ch.recv();
            ok = ok && v && v->is_aligned() && v->value == i;
        }
        h.join();
        CHECK(ok);

        chan<over_aligned_throwing> const boxes(capacity);
        auto g = rt.go([&] {
            for (int i = 0; i < 10; ++i)
                boxes.send(over_aligned_throwing(i));
        });
        for (int i = 0; i < 10; ++i) {
            auto const v = boxes.recv();
            ok = ok && v && v->aligned && v->value == i;
        }
        g.join();
        CHECK(ok);
    }
}

TEST_CASE("large values arrive whole", "[chan]") {
    fiber::runtime rt;
    using page = std::array<int, 1024>;
    for (int capacity : {0, 2}) {
        chan<page> const ch(capacity);
        auto h = rt.go([&] {
            for (int i = 0; i < 8; ++i) {
                page p;
                p.fill(i);
                ch.send(p);
            }
        });
        bool ok = true;
        for (int i = 0; i < 8; ++i) {
            page expected;
            expected.fill(i);
            ok &= ch.recv() == expected;
        }
        h.join();
        CHECK(ok);
    }
}

TEST_CASE("channels travel through channels", "[chan]") {
    fiber::runtime rt;
    chan<request> const server;
    auto h = rt.go([server] {
        for (auto& r : server)
            r.reply.send({r.number * 2, nullptr});
    });
    for (int i = 0; i < 10; ++i) {
        chan<request> const reply;
        server.send({i, reply});
        CHECK(reply.recv().value().number == 2 * i);
    }
    server.close();
    h.join();
}

TEST_CASE("non-assignable, empty and optional types are elements", "[chan]") {
    chan<not_assignable> const constant(1);
    constant.send({3});
    constant.send_for({3}, 0s);
    CHECK(constant.recv().value().value == 3);
    constant.send({4});
    constant.close();
    for (auto& v : constant)
        CHECK(v.value == 4);

    chan<nothing> const signals(2);
    signals.send({});
    CHECK(signals.size() == 1);
    CHECK(signals.recv());

    chan<std::optional<int>> const maybe(2);
    maybe.send(std::nullopt);
    maybe.send(5);
    auto first = maybe.recv();
    REQUIRE(first);
    CHECK_FALSE(*first);
    CHECK(*maybe.recv().value() == 5);

    chan<bool> const bits(1);
    bits.send(true);
    CHECK(bits.recv() == true);
}

TEST_CASE("the error for a negative capacity names the capacity", "[chan]") {
    CHECK_THROWS_AS(chan<int>(-1), std::length_error);
    CHECK(refusal<int>(-1) == "fiber::chan: capacity -1 is negative");
    CHECK(contains(refusal<int>(std::numeric_limits<long long>::min()), "-9223372036854775808"));
    CHECK(contains(refusal<char>(static_cast<signed char>(-3)), "-3"));
}

TEST_CASE("the error for a capacity beyond the address space names the capacity", "[chan]") {
    CHECK_THROWS_AS(chan<int>(SIZE_MAX), std::length_error);
    CHECK(contains(refusal<int>(SIZE_MAX), "18446744073709551615"));
    CHECK(contains(refusal<char>(SIZE_MAX), "18446744073709551615"));
    CHECK(contains(refusal<char>(PTRDIFF_MAX), "9223372036854775807"));
    CHECK_FALSE(refusal<std::string>(SIZE_MAX / sizeof(std::string)).empty());
    CHECK_FALSE(refusal<over_aligned>(SIZE_MAX / 256 + 1).empty());
    CHECK_FALSE(refusal<throwing_move>(SIZE_MAX / 8).empty());
}

// AddressSanitizer and ThreadSanitizer end the program instead of letting operator new throw.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a capacity beyond the memory throws bad_alloc", "[chan]") {
    CHECK_THROWS_AS(chan<char>(PTRDIFF_MAX - 4096), std::bad_alloc);
    CHECK_THROWS_AS(chan<std::uint64_t>(std::size_t{1} << 58), std::bad_alloc);
}
#endif
