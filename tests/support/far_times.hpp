// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// far_times.hpp: checks a timed operation with time points and durations that do not fit into a 64-bit
// count of nanoseconds. It also has clocks with other units than the library's, and a clock that is set
// back during a wait.
#pragma once

#include "tests/support/catch.hpp"

#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <thread>

namespace tests {

// A clock in the given unit, with the time of the steady clock.
template <class Rep, class Period>
struct clock_in {
    using rep = Rep;
    using period = Period;
    using duration = std::chrono::duration<Rep, Period>;
    using time_point = std::chrono::time_point<clock_in>;
    static constexpr bool is_steady = true;
    static time_point now() {
        return time_point(
            std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch()));
    }
};
using clock_of_thirds = clock_in<std::int64_t, std::ratio<1, 3>>;
using clock_of_floats = clock_in<float, std::ratio<1>>;
using fast_clock = clock_in<std::int64_t, std::pico>;

// A clock that is set back by an hour at the moment for which an agent waits. That moment never comes,
// and the agent must go on waiting.
struct clock_set_back {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<clock_set_back>;
    static constexpr bool is_steady = false;

    static inline std::atomic<rep> moment{0};
    static inline std::atomic<int> readings_after{0};

    static time_point now() {
        auto const now = std::chrono::steady_clock::now().time_since_epoch();
        if (now.count() < moment)
            return time_point(now);
        ++readings_after;
        return time_point(now - std::chrono::hours(1));
    }
    static time_point soon() {
        moment = (std::chrono::steady_clock::now() + std::chrono::milliseconds(2)).time_since_epoch().count();
        readings_after = 0;
        return time_point(duration(moment));
    }
};

template <class Visit>
void each_far_future(Visit const& visit) {
    using namespace std::chrono;
    constexpr double infinity = std::numeric_limits<double>::infinity();
    visit(sys_days(year{9999} / 12 / 31));
    visit(sys_seconds(sys_days(year{2300} / 1 / 1)));
    visit(sys_days::max());
    visit(sys_seconds::max());
    visit(system_clock::time_point::max());
    visit(time_point<system_clock, duration<double>>(duration<double>(infinity)));
    visit(time_point<system_clock, duration<double, std::nano>>(duration<double, std::nano>(1e300)));
    visit(file_clock::time_point::max());
    visit(time_point<file_clock, seconds>::max());
    visit(time_point<steady_clock, seconds>(seconds(10'000'000'000)));
    visit(time_point<steady_clock, hours>::max());
    visit(steady_clock::time_point::max());
    visit(time_point<steady_clock, duration<double>>(duration<double>(1e300)));
    visit(time_point<steady_clock, duration<float>>(duration<float>(1e30f)));
    visit(time_point<steady_clock, duration<std::uint64_t>>::max());
    visit(clock_of_thirds::time_point::max());
    visit(time_point<clock_of_thirds, days>::max());
    visit(clock_of_floats::time_point::max());
    visit(fast_clock::time_point::max());
    visit(time_point<fast_clock, years>::max());
}

template <class Visit>
void each_far_past(Visit const& visit) {
    using namespace std::chrono;
    constexpr double infinity = std::numeric_limits<double>::infinity();
    visit(sys_days(year{1600} / 1 / 1));
    visit(sys_days::min());
    visit(sys_seconds::min());
    visit(system_clock::time_point::min());
    visit(time_point<system_clock, duration<double>>(duration<double>(-infinity)));
    visit(time_point<system_clock, duration<double>>(
        duration<double>(std::numeric_limits<double>::quiet_NaN())));
    visit(file_clock::time_point::min());
    visit(time_point<steady_clock, seconds>(seconds(-10'000'000'000)));
    visit(time_point<steady_clock, hours>::min());
    visit(steady_clock::time_point::min());
    visit(time_point<steady_clock, duration<double>>(duration<double>(-1e300)));
    visit(time_point<steady_clock, duration<double>>(
        duration<double>(std::numeric_limits<double>::quiet_NaN())));
    visit(clock_of_thirds::time_point::min());
    visit(time_point<clock_of_thirds, days>::min());
    visit(clock_of_floats::time_point::min());
    visit(fast_clock::time_point::min());
    visit(time_point<fast_clock, years>::min());
}

template <class Visit>
void each_long_duration(Visit const& visit) {
    using namespace std::chrono;
    visit(hours::max());
    visit(years::max());
    visit(nanoseconds::max());
    visit(duration<std::int64_t, std::ratio<1, 3>>::max());
    visit(duration<std::uint64_t>::max());
    visit(duration<double>(1e300));
    visit(duration<float>(std::numeric_limits<float>::infinity()));
}

template <class Visit>
void each_negative_duration(Visit const& visit) {
    using namespace std::chrono;
    visit(hours::min());
    visit(years::min());
    visit(nanoseconds::min());
    visit(duration<std::int64_t, std::ratio<1, 3>>::min());
    visit(duration<double>(-1e300));
    visit(duration<double>(std::numeric_limits<double>::quiet_NaN()));
}

// An operation is a class with two members:
//   bool wait(limit)   returns false if the limit has ended it. limit is a time point or a duration
//   end()              makes wait() return true, also if it is called first
// An object is used for one wait that end() ends, or for any number of waits that a limit ends.
template <class Limit>
inline constexpr bool is_point = requires(Limit const& limit) {
    limit.time_since_epoch();
};

// Hides the type of a limit: the checks are compiled once for each operation, and not once for each limit.
template <class Operation>
class one_wait {
public:
    template <class Limit>
    explicit one_wait(Limit const& limit) noexcept
        : limit_(&limit), wait_([](Operation& o, void const* at) {
              return static_cast<bool>(o.wait(*static_cast<Limit const*>(at)));
          }) {}
    bool operator()(Operation& o) const { return wait_(o, limit_); }

private:
    void const* limit_;
    bool (*wait_)(Operation&, void const*);
};

// Returns true if the wait lasts until end(), in a fiber and in an OS thread.
template <class Operation>
[[nodiscard]] bool lasts_until_ended(one_wait<Operation> const& wait) {
    std::atomic<bool> has_ended{false}, in_fiber{false}, in_thread{false};
    {
        Operation o;
        fiber::runtime rt({.processors = 1});
        auto h = rt.go([&] {
            in_fiber = wait(o);
            has_ended = true;
        });
        while (!has_ended && rt.stats().fibers_parked != 1)
            std::this_thread::yield();
        o.end();
        h.join();
    }
    {
        has_ended = false;
        Operation o;
        std::thread thread([&] {
            in_thread = wait(o);
            has_ended = true;
        });
        for (int i = 0; i < 50 && !has_ended; ++i) // a wait that begins after this passes untested
            std::this_thread::yield();
        o.end();
        thread.join();
    }
    return in_fiber && in_thread;
}
template <class Operation>
void check_lasts(one_wait<Operation> const& wait) {
    CHECK(lasts_until_ended<Operation>(wait));
}

// Checks that the operation does not wait, in an OS thread and in a fiber.
template <class Operation>
void check_is_over(Operation& o, one_wait<Operation> const& wait) {
    CHECK_FALSE(wait(o));
    CHECK_FALSE(fiber::run([&] { return wait(o); }));
}
// Checks that the operation does not wait, in a fiber only.
template <class Operation>
void check_is_over_in_fiber(Operation& o, one_wait<Operation> const& wait) {
    CHECK_FALSE(fiber::run([&] { return wait(o); }));
}

// Returns true if the operation waits until end() although its clock is set back.
template <class Operation>
[[nodiscard]] bool waits_though_clock_is_set_back() {
    std::atomic<bool> has_ended{false}, as_wanted{false};
    Operation o;
    fiber::runtime rt({.processors = 1});
    auto h = rt.go([&, when = clock_set_back::soon()] {
        as_wanted = o.wait(when);
        has_ended = true;
    });
    while (!has_ended && (clock_set_back::readings_after == 0 || rt.stats().fibers_parked != 1))
        std::this_thread::yield();
    o.end();
    h.join();
    return as_wanted;
}

// Runs all checks with all limits.
template <class Operation>
void check_limits() {
    auto const lasts = [](auto const& limit) { check_lasts(one_wait<Operation>(limit)); };
    each_far_future(lasts);
    each_long_duration(lasts);
    Operation o;
    auto const is_over = [&](auto const& limit) { check_is_over(o, one_wait<Operation>(limit)); };
    each_far_past(is_over);
    each_negative_duration(is_over);
    o.end();
    CHECK(waits_though_clock_is_set_back<Operation>());
}

} // namespace tests
