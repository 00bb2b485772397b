// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// no_wait.hpp: checks that an operation neither switches nor sleeps.
#pragma once

#include "tests/support/catch.hpp"

#include <fiber/runtime.hpp>

#include <chrono>
#include <limits>
#include <sys/resource.h>
#include <thread>

namespace tests {

// Checks that many calls of f neither switch a fiber that is alone on its processor, nor block an OS thread.
template <class F>
void without_wait(F const& f) {
    constexpr int often = 200;
    fiber::runtime alone({.processors = 1});
    alone.run([&] {
        auto const before = alone.stats().switches;
        for (int i = 0; i < often; ++i)
            f();
        CHECK(alone.stats().switches == before);
    });
    std::thread([&] {
        auto const sleeps = [] {
            rusage so_far{};
            ::getrusage(RUSAGE_THREAD, &so_far);
            return so_far.ru_nvcsw;
        };
        auto const before = sleeps();
        for (int i = 0; i < often; ++i)
            f();
        CHECK(sleeps() - before < often / 10);
    }).join();
}

// Checks it with each kind of limit that leaves no time: durations and time points.
template <class For, class Until>
void no_time(For const& wait_for, Until const& wait_until) {
    without_wait([&] {
        wait_for(std::chrono::seconds(0));
        wait_for(-std::chrono::hours(1));
        wait_for(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN()));
        wait_until(std::chrono::steady_clock::now());
        wait_until(std::chrono::steady_clock::time_point::min());
        wait_until(std::chrono::system_clock::now() - std::chrono::hours(1));
    });
}

} // namespace tests
