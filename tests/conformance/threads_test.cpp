// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// threads_test.cpp: checks the standard's rules for threads and locks with std's classes and with ours,
// by the same code.

#include "tests/support/catch.hpp"

#include <fiber/fiber.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using namespace std::chrono_literals;

struct standard {
    using thread = std::thread;
    using jthread = std::jthread;
    using mutex = std::mutex;
    using condition_variable = std::condition_variable;
    using cv_status = std::cv_status;
    using once_flag = std::once_flag;
    static constexpr auto call_once = [](auto&&... a) { std::call_once(std::forward<decltype(a)>(a)...); };
    static constexpr auto this_id = [] { return std::this_thread::get_id(); };
    static constexpr auto sleep_for = [](auto d) { std::this_thread::sleep_for(d); };
};

struct ours {
    using thread = fiber::thread;
    using jthread = fiber::jthread;
    using mutex = fiber::mutex;
    using condition_variable = fiber::condition_variable;
    using cv_status = fiber::cv_status;
    using once_flag = fiber::once_flag;
    static constexpr auto call_once = [](auto&&... a) { fiber::call_once(std::forward<decltype(a)>(a)...); };
    static constexpr auto this_id = [] { return fiber::this_thread::get_id(); };
    static constexpr auto sleep_for = [](auto d) { fiber::this_thread::sleep_for(d); };
};

// ThreadSanitizer's pthread_once never recovers from an exception, so std::call_once hangs under it.
#if defined(__SANITIZE_THREAD__)
#define CALL_ONCE_TYPES ours
#else
#define CALL_ONCE_TYPES standard, ours
#endif

} // namespace

TEMPLATE_TEST_CASE("types can be copied, moved and constructed as in the standard", "[conformance]", standard,
                   ours) {
    using thread = typename TestType::thread;
    using jthread = typename TestType::jthread;
    using mutex = typename TestType::mutex;
    using condition_variable = typename TestType::condition_variable;
    using once_flag = typename TestType::once_flag;
    STATIC_REQUIRE(!std::is_copy_constructible_v<thread>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<thread>);
    STATIC_REQUIRE(std::is_nothrow_default_constructible_v<thread>);
    STATIC_REQUIRE(!std::is_copy_constructible_v<jthread>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<jthread>);
    STATIC_REQUIRE(!std::is_move_constructible_v<mutex>);
    STATIC_REQUIRE(std::is_nothrow_default_constructible_v<mutex>);
    STATIC_REQUIRE(!std::is_move_constructible_v<condition_variable>);
    STATIC_REQUIRE(!std::is_move_constructible_v<once_flag>);
    STATIC_REQUIRE(std::is_nothrow_default_constructible_v<typename thread::id>);
    STATIC_REQUIRE(std::is_trivially_copyable_v<typename thread::id>);
    CHECK(thread::hardware_concurrency() > 0);
}

TEMPLATE_TEST_CASE("a thread copies its arguments, except with std::ref", "[conformance]", standard, ours) {
    std::string text = "before"; // six characters
    int result = 0;
    typename TestType::thread t([](std::string s, int& out) { out = static_cast<int>(s.size()); }, text,
                                std::ref(result));
    text = "after";
    CHECK(t.joinable());
    t.join();
    CHECK_FALSE(t.joinable());
    CHECK(result == 6);
}

TEMPLATE_TEST_CASE("ids identify threads and hash", "[conformance]", standard, ours) {
    using thread = typename TestType::thread;
    using id = typename thread::id;
    id seen{};
    thread t([&] { seen = TestType::this_id(); });
    id const told = t.get_id();
    t.join();
    CHECK(seen == told);
    CHECK(t.get_id() == id{});
    CHECK(told != id{});
    CHECK(TestType::this_id() != told);
    CHECK(TestType::this_id() == TestType::this_id());
    CHECK(std::hash<id>{}(seen) == std::hash<id>{}(told));
    CHECK(std::set<id>{seen, told, id{}}.size() == 2);
}

TEMPLATE_TEST_CASE("threads move and swap", "[conformance]", standard, ours) {
    using thread = typename TestType::thread;
    std::atomic<int> ran = 0;
    thread a([&] { ++ran; });
    thread b = std::move(a);
    CHECK_FALSE(a.joinable()); // NOLINT(bugprone-use-after-move): defined for threads
    swap(a, b);
    CHECK(a.joinable());
    CHECK_THROWS_AS(b.join(), std::system_error);
    CHECK_THROWS_AS(b.detach(), std::system_error);
    a.join();
    CHECK(ran == 1);
}

TEMPLATE_TEST_CASE("a jthread requests a stop and joins", "[conformance]", standard, ours) {
    std::atomic<bool> stopped = false;
    {
        typename TestType::jthread t([&](std::stop_token stop) {
            while (!stop.stop_requested())
                TestType::sleep_for(100us);
            stopped = true;
        });
        CHECK(t.get_stop_token().stop_possible());
    }
    CHECK(stopped);
    int plain = 0;
    {
        typename TestType::jthread t([&plain] { plain = 7; });
    }
    CHECK(plain == 7);
}

TEMPLATE_TEST_CASE("a mutex excludes, and works with every lock class", "[conformance]", standard, ours) {
    using mutex = typename TestType::mutex;
    using thread = typename TestType::thread;
    mutex a, b;
    int counter = 0;
    std::vector<thread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n < 1000; ++n) {
                std::scoped_lock both(a, b);
                ++counter;
            }
        });
    for (auto& t : threads)
        t.join();
    CHECK(counter == 8000);

    std::unique_lock lock(a, std::defer_lock);
    CHECK(std::try_lock(lock, b) == -1);
    bool got = true;
    thread([&] { got = a.try_lock(); }).join();
    CHECK_FALSE(got);
    b.unlock();
}

TEMPLATE_TEST_CASE("a wait on a condition variable returns its outcome", "[conformance]", standard, ours) {
    using thread = typename TestType::thread;
    using cv_status = typename TestType::cv_status;
    typename TestType::mutex mutex;
    typename TestType::condition_variable changed;
    int turn = 0;
    auto const play = [&](int mine) {
        for (int round = 0; round < 100; ++round) {
            std::unique_lock lock(mutex);
            changed.wait(lock, [&] { return turn % 2 == mine; });
            ++turn;
            changed.notify_all();
        }
    };
    thread other(play, 1);
    play(0);
    other.join();
    CHECK(turn == 200);

    std::unique_lock lock(mutex);
    auto const start = std::chrono::steady_clock::now();
    while (changed.wait_until(lock, start + 5ms) == cv_status::no_timeout) // a spurious wake-up is allowed
        ;
    CHECK(std::chrono::steady_clock::now() - start >= 5ms);
    CHECK_FALSE(changed.wait_for(lock, 1ms, [] { return false; }));
    CHECK(changed.wait_for(lock, -1ms, [] { return true; }));
    CHECK(lock.owns_lock());
}

TEMPLATE_TEST_CASE("call_once calls again only after an exception", "[conformance]", CALL_ONCE_TYPES) {
    typename TestType::once_flag once;
    int calls = 0;
    auto const first = [&] {
        ++calls;
        throw std::runtime_error("again");
    };
    CHECK_THROWS_AS(TestType::call_once(once, first), std::runtime_error);
    std::vector<typename TestType::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            TestType::call_once(
                once, [&](int n) { calls += n; }, 10);
        });
    for (auto& t : threads)
        t.join();
    CHECK(calls == 11);
}
