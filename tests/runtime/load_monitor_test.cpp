// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// load_monitor_test.cpp: rt::load_monitor: when a processor falls behind, and when it is
// responsive.

#include "tests/support/catch.hpp"

#include "runtime/sched/load_monitor.hpp"

#include <chrono>

namespace rt = fiber::rt;

namespace {

using namespace std::chrono_literals;

void switches(rt::load_monitor& p, int n) {
    for (int i = 0; i < n; ++i)
        ++p.ticks;
}

} // namespace

TEST_CASE("a processor falls behind if its queue is never empty", "[load_monitor]") {
    rt::load_monitor p;
    rt::clock::time_point const start{};
    auto const before = p.sample(start);
    switches(p, 1000);
    CHECK(p.falls_behind(before, 1, start + 4us));
    p.queue_is_empty();
    CHECK_FALSE(p.falls_behind(before, 1, start + 4us));
    // The queue has not been empty since this sample.
    CHECK(p.falls_behind(p.sample(start), 1, start + 4us));
}

TEST_CASE("a processor falls behind if its queued fibers will wait for long", "[load_monitor]") {
    rt::load_monitor p;
    rt::clock::time_point const start{};
    auto const before = p.sample(start);
    p.queue_is_empty();
    switches(p, 9);
    CHECK_FALSE(p.falls_behind(before, 4, start + 4us)); // 0.4 µs each
    CHECK(p.falls_behind(before, 5, start + 4us));
    CHECK(p.falls_behind(before, 1, start + 20us)); // 2 µs each
    CHECK_FALSE(p.falls_behind(before, 0, start + 20us));
}

TEST_CASE("a processor falls behind if many fibers wait, even with fast switches", "[load_monitor]") {
    rt::load_monitor p;
    rt::clock::time_point const start{};
    auto const before = p.sample(start);
    p.queue_is_empty();
    switches(p, 1'000'000);
    CHECK_FALSE(p.falls_behind(before, 31, start + 4us));
    CHECK(p.falls_behind(before, 32, start + 4us));
    CHECK(rt::load_monitor::is_many(32));
    CHECK_FALSE(rt::load_monitor::is_many(31));
}

TEST_CASE("a processor marked responsive stays so for 4096 switches", "[load_monitor]") {
    rt::load_monitor p;
    CHECK_FALSE(p.is_responsive());
    p.mark_responsive();
    CHECK(p.is_responsive());
    switches(p, 4095);
    CHECK(p.is_responsive());
    switches(p, 1);
    CHECK_FALSE(p.is_responsive());
}
