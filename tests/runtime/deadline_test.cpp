// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadline_test.cpp: durations and time points of all types become steady_clock deadlines. The
// conversion is exact where that is possible, and never overflows.
#include "tests/support/catch.hpp"
#include "tests/support/far_times.hpp"

#include <fiber/detail/deadline.hpp>
#include <fiber/go.hpp>
#include <fiber/latch.hpp>
#include <fiber/runtime.hpp>

#include <chrono>
#include <cstdint>
#include <ratio>

using namespace fiber::detail;
using namespace std::chrono;
using namespace std::chrono_literals;

TEST_CASE("a duration is rounded up to nanoseconds", "[deadline]") {
    STATIC_REQUIRE(steady_duration(1500us) == 1'500'000ns);
    STATIC_REQUIRE(steady_duration(duration<int, std::pico>(1001)) == 2ns);
    STATIC_REQUIRE(steady_duration(duration<int, std::pico>(1000)) == 1ns);
    STATIC_REQUIRE(steady_duration(duration<int, std::ratio<1, 3>>(1)) == 333'333'334ns);
    STATIC_REQUIRE(steady_duration(duration<unsigned char>(255)) == 255s);
    STATIC_REQUIRE(steady_duration(duration<double, std::nano>(1.25)) == 2ns);
    STATIC_REQUIRE(steady_duration(duration<float>(0.5f)) == 500ms);
    STATIC_REQUIRE(steady_duration(duration<long double, std::nano>(9223372036854775806.0L)) ==
                   nanoseconds::max() - 1ns);
    STATIC_REQUIRE(steady_duration(duration<long double, std::nano>(9223372036854775806.5L)) ==
                   nanoseconds::max());
    STATIC_REQUIRE(steady_duration(duration<long double, std::nano>(9223372036854775807.5L)) ==
                   nanoseconds::max());
    STATIC_REQUIRE(steady_duration(-1s) == 0s);
    STATIC_REQUIRE(steady_duration(duration<double>(-0.5)) == 0s);
}

TEST_CASE("a duration too long becomes the maximum, a negative duration becomes zero", "[deadline]") {
    tests::each_long_duration([](auto const& d) {
        CHECK(steady_duration(d) == nanoseconds::max());
        CHECK(deadline_after(d) == never);
    });
    tests::each_negative_duration([](auto const& d) {
        CHECK(steady_duration(d) == 0s);
        auto const before = steady_clock::now();
        auto const at = deadline_after(d);
        CHECK((before <= at && at <= steady_clock::now()));
    });
}

TEST_CASE("a deadline keeps its distance from now across clocks", "[deadline]") {
    auto const check = [](auto const& when, auto const& expected, nanoseconds least) {
        auto const at = deadline_at(when);
        CHECK(at >= expected - least);
        CHECK(at <= expected + 10min);
        CHECK_FALSE(has_passed(when));
    };
    auto const later = steady_clock::now() + 1h;
    check(later, later, 0ns);
    check(time_point_cast<milliseconds>(later), later, 1ms);
    check(time_point_cast<duration<double>>(later), later, 1us);
    check(system_clock::now() + 1h, later, 1ms);
    check(time_point_cast<minutes>(system_clock::now() + 1h), later, 1min);
    check(file_clock::now() + 1h, later, 1ms);
    check(tests::clock_of_thirds::now() + 1h, later, 334ms);
    check(tests::fast_clock::now() + 1h, later, 1ms);
    CHECK(deadline_at(time_point_cast<seconds>(steady_clock::time_point(5s))) ==
          steady_clock::time_point(5s));
    CHECK(deadline_at(time_point<steady_clock, duration<int, std::pico>>(duration<int, std::pico>(1))) ==
          steady_clock::time_point(1ns));
}

TEST_CASE("a time point in the far future never comes; a time point in the far past has passed",
          "[deadline]") {
    tests::each_far_future([](auto const& when) {
        auto const at = deadline_at(when);
        CHECK(at > steady_clock::now() + hours(24 * 50));
        CHECK_FALSE(has_passed(when));
    });
    tests::each_far_past([](auto const& when) {
        auto const at = deadline_at(when);
        CHECK(at <= steady_clock::now());
        CHECK(has_passed(when));
    });
}

TEST_CASE("a time point of a finer clock passes exactly at its tick", "[deadline]") {
    struct still : tests::fast_clock {
        using time_point = std::chrono::time_point<still, duration>;
        static time_point now() { return time_point(duration(1'500)); }
    };
    using of_still = std::chrono::time_point<still, duration<std::int64_t, std::femto>>;
    CHECK(has_passed(still::time_point(still::duration(1'500))));
    CHECK_FALSE(has_passed(still::time_point(still::duration(1'501))));
    CHECK(has_passed(of_still(of_still::duration(1'500'000))));
    CHECK_FALSE(has_passed(of_still(of_still::duration(1'500'001))));
    CHECK(has_passed(of_still(of_still::duration(-1))));
}

TEST_CASE("join_until and sleep_until accept far time points", "[deadline]") {
    fiber::latch end(1);
    auto waits = fiber::go([&] { end.wait(); });
    tests::each_far_past([&](auto const& when) {
        CHECK_FALSE(waits.join_until(when));
        fiber::this_fiber::sleep_until(when);
        fiber::run([&] { fiber::this_fiber::sleep_until(when); });
    });
    tests::each_negative_duration([&](auto const& d) {
        CHECK_FALSE(waits.join_for(d));
        fiber::this_fiber::sleep_for(d);
    });
    end.count_down();
    waits.join();
    tests::each_far_future([](auto const& when) {
        auto brief = fiber::go([] { fiber::this_fiber::sleep_for(100us); });
        CHECK(brief.join_until(when));
        CHECK(fiber::run([&] { return fiber::go([] { fiber::this_fiber::yield(); }).join_until(when); }));
    });
    tests::each_long_duration([](auto const& d) {
        auto brief = fiber::go([] { fiber::this_fiber::sleep_for(100us); });
        CHECK(brief.join_for(d));
    });
}

namespace {
struct joining {
    bool wait(tests::clock_set_back::time_point const& when) { return h.join_until(when); }
    void end() { ended.count_down(); }
    fiber::latch ended{1};
    fiber::handle h = fiber::go([this] { ended.wait(); });
};
} // namespace

TEST_CASE("join_until reads its clock again after the clock was set back", "[deadline]") {
    CHECK(tests::waits_though_clock_is_set_back<joining>());
}
