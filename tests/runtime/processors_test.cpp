// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What many processors cost is counted in context switches of the process: where machines wake each other again and again
// there are thousands a machine.

#include "tests/support/catch.hpp"

#include <fiber/runtime.hpp>
#include <fiber/wait_group.hpp>

#include <atomic>
#include <chrono>
#include <sys/resource.h>

using namespace std::chrono_literals;

namespace {

constexpr unsigned many = 128;
constexpr long switches_a_machine = 30; // to be born and to end; many times what is seen

long context_switches() {
    rusage u{};
    ::getrusage(RUSAGE_SELF, &u);
    return u.ru_nvcsw;
}

} // namespace

TEST_CASE("a runtime with many processors is made and destroyed with few context switches a machine",
          "[processors]") {
    long const before = context_switches();
    {
        fiber::runtime const r({.processors = many});
        CHECK(r.processors() == many);
    }
    CHECK(context_switches() - before < switches_a_machine * long{many});
}

TEST_CASE("changing the number of many idle processors wakes none of their machines again and again",
          "[processors]") {
    long const before = context_switches();
    {
        fiber::runtime r({.processors = many});
        for (int i = 0; i < 20; ++i) {
            r.set_processors(1);
            CHECK(r.run([] { return 1; }) == 1);
            r.set_processors(many);
            CHECK(r.run([] { return 2; }) == 2);
        }
    }
    CHECK(context_switches() - before < switches_a_machine * long{many});
}

TEST_CASE("idle processors retire and come back while others work, and then run fibers", "[processors]") {
    fiber::runtime r({.processors = 1});
    std::atomic<bool> done{false};
    fiber::wait_group busy;
    for (int i = 0; i < 6; ++i)
        busy.add();
    for (int i = 0; i < 6; ++i)
        static_cast<void>(r.go([&, i] {
            while (!done.load())
                i < 3 ? fiber::this_fiber::yield() : fiber::this_fiber::sleep_for(50us);
            busy.done();
        }));
    for (unsigned round = 0; round < 200; ++round)
        r.set_processors(round % 2 == 0 ? 8 : 1 + round % 3);
    r.set_processors(3);
    // As many that only end together have to run at once.
    std::atomic<int> met{0};
    fiber::wait_group all;
    done = true;
    busy.wait();
    all.add(3);
    for (int i = 0; i < 3; ++i)
        static_cast<void>(r.go([&] {
            ++met;
            while (met.load() < 3) {
            }
            all.done();
        }));
    all.wait();
    CHECK(met == 3);
}

TEST_CASE("timers of processors that retire again and again fire, and none is lost", "[processors]") {
    fiber::runtime r({.processors = 4});
    fiber::wait_group all;
    constexpr int sleepers = 40;
    for (int i = 0; i < sleepers; ++i)
        all.add();
    for (int i = 0; i < sleepers; ++i)
        static_cast<void>(r.go([&] {
            for (int n = 0; n < 20; ++n)
                fiber::this_fiber::sleep_for(200us);
            all.done();
        }));
    for (unsigned round = 0; !all.wait_for(100us); ++round)
        r.set_processors(round % 2 == 0 ? 1 : 4);
    SUCCEED();
}
