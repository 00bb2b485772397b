// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// timer_buckets_test.cpp: rt::timer_buckets: range and order.

#include "tests/support/catch.hpp"

#include "runtime/time/timer_buckets.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <random>

namespace rt = fiber::rt;
using namespace std::chrono_literals;

namespace {

rt::clock::time_point const start{1h};

} // namespace

TEST_CASE("buckets take timers from their start to a limited time after it", "[timer]") {
    rt::timer_buckets buckets;
    buckets.begin_after(start);
    CHECK_FALSE(buckets.takes(start + 10ms)); // make_room was not called
    buckets.make_room(1);
    CHECK_FALSE(buckets.takes(start));
    CHECK_FALSE(buckets.takes(start - 1h));
    CHECK(buckets.takes(start + 1ms));
    CHECK(buckets.takes(start + 100ms));
    CHECK_FALSE(buckets.takes(start + 1s));
    CHECK_FALSE(buckets.takes(rt::never));
    CHECK(buckets.empty());
    CHECK(buckets.earliest() == rt::never);
}

TEST_CASE("buckets return each of their timers once, the earlier timers first", "[timer]") {
    rt::timer_buckets buckets;
    constexpr std::uint32_t many = 20'000;
    buckets.make_room(many);
    buckets.begin_after(start);
    std::mt19937 random(4);
    struct where {
        rt::clock::time_point when;
        std::uint32_t position;
    };
    std::map<std::uint32_t, where> in;
    for (std::uint32_t i = 0; i < many; ++i) {
        auto const when = start + 1ms + std::chrono::nanoseconds(random() % 100'000'000);
        REQUIRE(buckets.takes(when));
        in[i] = {when, buckets.put(i, when)};
    }
    for (std::uint32_t i = 0; i < many; i += 3) {
        auto const moved = buckets.remove(in[i].position, in[i].when);
        if (moved != rt::timer_buckets::nobody)
            in.at(moved).position = in[i].position;
        in.erase(i);
    }
    while (!buckets.empty()) {
        auto const begin = buckets.earliest();
        for (std::uint32_t const i : buckets.take_some()) {
            REQUIRE(in.at(i).when >= begin);
            REQUIRE(in.at(i).when < begin + 1ms);
            in.erase(i);
        }
        REQUIRE(buckets.earliest() >= begin);
    }
    CHECK(in.empty());
}
