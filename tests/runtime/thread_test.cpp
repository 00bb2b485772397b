// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// thread_test.cpp: fiber::thread and fiber::jthread beyond the conformance tests.

#include "tests/support/catch.hpp"

#include <fiber/go.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

static_assert(!std::is_copy_constructible_v<fiber::thread> &&
              std::is_nothrow_move_constructible_v<fiber::thread>);
static_assert(!std::is_copy_constructible_v<fiber::jthread> &&
              std::is_nothrow_move_constructible_v<fiber::jthread>);
static_assert(std::is_same_v<fiber::thread::id, fiber::id>);
static_assert(!std::is_convertible_v<void (*)(), fiber::thread>,
              "the constructor is explicit, as std::thread's");

TEST_CASE("a thread runs its function, is joined, swapped and moved", "[thread]") {
    int a = 0, b = 0;
    fiber::thread t([&] { a = 1; }), u([&](int n) { b = n; }, 2);
    CHECK(t.joinable());
    CHECK(t.native_handle() != nullptr);
    auto const id = t.get_id();
    swap(t, u);
    CHECK(u.get_id() == id);
    fiber::thread v = std::move(u);
    CHECK_FALSE(u.joinable());
    u = std::move(v);
    t.join();
    u.join();
    CHECK(a == 1);
    CHECK(b == 2);
    CHECK(t.get_id() == fiber::thread::id());
    CHECK_THROWS_AS(t.join(), std::system_error);
    CHECK_THROWS_AS(t.detach(), std::system_error);
}

TEST_CASE("hardware_concurrency returns the number of processors", "[thread]") {
    CHECK(fiber::thread::hardware_concurrency() >= 1);
    CHECK(fiber::jthread::hardware_concurrency() == fiber::thread::hardware_concurrency());
}

TEST_CASE("a jthread's destructor requests stop and joins", "[jthread]") {
    std::atomic<bool> stopped{false};
    {
        fiber::jthread t([&](std::stop_token stop) {
            while (!stop.stop_requested())
                fiber::this_thread::yield();
            stopped = true;
        });
        CHECK(t.get_stop_token().stop_possible());
    }
    CHECK(stopped);
}

TEST_CASE("a jthread passes no token to a function without a stop_token parameter", "[jthread]") {
    int sum = 0;
    {
        fiber::jthread const t([&](int a, int b) { sum = a + b; }, 1, 2);
    }
    CHECK(sum == 3);
}

TEST_CASE("assignment to a joinable jthread stops and joins its fiber", "[jthread]") {
    std::atomic<int> ended{0};
    auto const body = [&](std::stop_token stop) {
        while (!stop.stop_requested())
            fiber::this_thread::yield();
        ++ended;
    };
    fiber::jthread t(body);
    t = fiber::jthread(body);
    CHECK(ended == 1);
    CHECK(t.request_stop());
    CHECK_FALSE(t.request_stop());
    t.join();
    CHECK(ended == 2);
}

TEST_CASE("a default jthread has no stop state", "[jthread]") {
    fiber::jthread t;
    CHECK_FALSE(t.joinable());
    CHECK_FALSE(t.get_stop_source().stop_possible());
}

TEST_CASE("a thread takes attributes first, braced or not", "[thread]") {
    std::string name, none = "?";
    int sum = 0;
    auto const note = [&] { name = fiber::this_fiber::name(); };
    fiber::thread({.name = "reader"}, note).join();
    CHECK(name == "reader");
    fiber::attributes const how{.name = "writer", .stack_size = 64 * 1024};
    fiber::thread(
        how, [&](int a, int b) { sum = a + b; }, 3, 4)
        .join();
    CHECK(sum == 7);
    fiber::thread(how, note).join();
    CHECK(name == "writer");
    fiber::thread([&] { none = fiber::this_fiber::name(); }).join();
    CHECK(none.empty());
    auto moved = std::make_unique<int>(5);
    fiber::thread(
        {.name = "takes"}, [&](std::unique_ptr<int> n) { sum = *n; }, std::move(moved))
        .join();
    CHECK(sum == 5);
    CHECK_THROWS_AS(fiber::thread({.stack_size = 1}, note), std::invalid_argument);
}

TEST_CASE("a jthread with attributes passes the stop token", "[jthread]") {
    std::string name;
    std::atomic<bool> stopped{false};
    {
        fiber::jthread t(
            {.name = "loop"},
            [&](std::stop_token stop, int n) {
                name = fiber::this_fiber::name();
                while (!stop.stop_requested() && n == 2)
                    fiber::this_thread::yield();
                stopped = stop.stop_requested();
            },
            2);
        CHECK(t.get_stop_token().stop_possible());
    }
    CHECK(stopped);
    CHECK(name == "loop");
    fiber::jthread({.name = "without"}, [&] { name = fiber::this_fiber::name(); }).join();
    CHECK(name == "without");
}
