// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Many processors must cost few context switches of the process. Machines that wake each other in a
// loop would make thousands each.

#include "tests/support/catch.hpp"

#include <fiber/runtime.hpp>
#include <fiber/wait_group.hpp>

#include <atomic>
#include <chrono>
#include <sys/resource.h>

using namespace std::chrono_literals;

namespace {

constexpr unsigned many = 128;
constexpr long switches_a_machine = 30; // to start and to end; many times the usual number

long context_switches() {
    rusage u{};
    ::getrusage(RUSAGE_SELF, &u);
    return u.ru_nvcsw;
}

} // namespace

TEST_CASE("making and destroying a runtime of many processors takes few context switches", "[processors]") {
    long const before = context_switches();
    {
        fiber::runtime const r({.processors = many});
        CHECK(r.processors() == many);
    }
    CHECK(context_switches() - before < switches_a_machine * long{many});
}

TEST_CASE("a change of the processor count does not wake idle machines repeatedly", "[processors]") {
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

TEST_CASE("idle processors retire and return beside busy ones, and then run fibers", "[processors]") {
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
    // Three fibers can end only if all of them run at once.
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

TEST_CASE("timers of processors that retire repeatedly fire", "[processors]") {
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
