// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// leak_check_test.cpp: leak_check finds the fibers that were started in its lifetime and have not ended.

#include "tests/support/catch.hpp"

#include "tests/inspect/found.hpp"

#include <fiber/fiber.hpp>

#include <atomic>
#include <chrono>
#include <memory>

using namespace std::chrono_literals;

TEST_CASE("leaked() returns nothing once all fibers have ended", "[inspect]") {
    fiber::leak_check const check;
    auto const begin = std::chrono::steady_clock::now();
    fiber::go([] { fiber::this_fiber::sleep_for(20ms); });
    CHECK(check.leaked(60s).empty());
    CHECK(std::chrono::steady_clock::now() - begin < 30s);
}

TEST_CASE("a forgotten receiver is a leak, an older fiber is none", "[inspect]") {
    fiber::chan<int> c;
    auto const receive = [c]() mutable { static_cast<void>(c.recv()); };
    auto older = fiber::go({.name = "older"}, receive);
    fiber::leak_check const check;
    auto forgotten = fiber::go({.name = "forgotten"}, receive);
    tests::wait_until_parked(fiber::runtime::global(), "forgotten");
    auto const leaks = check.leaked(20ms);
    REQUIRE(leaks.size() == 1);
    CHECK(leaks[0].name == "forgotten");
    CHECK(leaks[0].waits_for.starts_with("chan receive"));
    CHECK(!leaks[0].frames.empty());
    c.close();
    older.join();
    forgotten.join();
    CHECK(check.leaked().empty());
}

TEST_CASE("a fiber that computes is a leak, too, and the caller is none", "[inspect]") {
    std::atomic<bool> stop{false};
    fiber::handle computes;
    auto const n = fiber::run([&] {
        fiber::leak_check const check;
        computes = fiber::go([&stop] {
            while (!stop.load())
                fiber::this_fiber::yield();
        });
        return check.leaked(20ms).size();
    });
    CHECK(n == 1);
    stop = true;
    computes.join();
}

TEST_CASE("fibers of other runtimes, and of fibers, are found", "[inspect]") {
    fiber::runtime other({.processors = 1});
    fiber::chan<int> c;
    fiber::leak_check const check;
    auto child = other.go([c]() mutable { fiber::go([c]() mutable { static_cast<void>(c.recv()); }); });
    child.join();
    CHECK(check.leaked(20ms).size() == 1);
    c.close();
}

TEST_CASE("the clock of timers is no leak", "[inspect]") {
    fiber::leak_check const check;
    auto later = fiber::after(1h);
    CHECK(check.leaked(50ms).empty());
}
