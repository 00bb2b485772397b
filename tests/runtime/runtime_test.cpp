// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// runtime_test.cpp: fiber::runtime: run, options, set_processors, stats and dump.

#include "tests/support/catch.hpp"

#include "runtime/base/atomics/asymmetric_fence.hpp"
#include "tests/support/dumped.hpp"
#include "tests/support/procs.hpp"

#include <fiber/runtime.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

TEST_CASE("run returns the function's value, reference or nothing", "[runtime]") {
    int n = 1;
    CHECK(fiber::run([] { return 42; }) == 42);
    CHECK(&fiber::run([&]() -> int& { return n; }) == &n);
    fiber::run([&] { n = 2; });
    CHECK(n == 2);
    CHECK(*fiber::run([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(3)) == 3);
    struct no_default {
        explicit no_default(int v) : value(v) {}
        int value;
    };
    CHECK(fiber::run([] { return no_default(4); }).value == 4);
}

TEST_CASE("run throws the exception of the function", "[runtime]") {
    try {
        fiber::run([]() -> int { throw std::runtime_error("thrown inside"); });
        FAIL("nothing thrown");
    } catch (std::runtime_error const& e) {
        CHECK(std::string(e.what()) == "thrown inside");
    }
}

TEST_CASE("a fiber may call run of its runtime and of another runtime", "[runtime]") {
    fiber::runtime a({.processors = 1}), b({.processors = 1});
    CHECK(a.run([&] { return a.run([&] { return b.run([&] { return a.run([] { return 7; }); }); }); }) == 7);
}

TEST_CASE("a runtime's destructor waits for fibers without a join", "[runtime]") {
    std::atomic<int> ended{0};
    for (unsigned const n : tests::processor_counts()) {
        ended = 0;
        {
            fiber::runtime r({.processors = n});
            for (int i = 0; i < 50; ++i)
                r.go([&] {
                    fiber::this_fiber::sleep_for(1ms);
                    fiber::go([&] { ++ended; }); // A fiber started by a fiber counts, too.
                });
        }
        CHECK(ended == 50);
    }
}

TEST_CASE("a fiber may destroy another runtime", "[runtime]") {
    std::atomic<int> ended{0};
    fiber::run([&] {
        fiber::runtime r({.processors = 2});
        r.go([&] {
            fiber::this_fiber::sleep_for(1ms);
            ++ended;
        });
    });
    CHECK(ended == 1);
}

TEST_CASE("a handle outlives the runtime of its fiber", "[runtime]") {
    fiber::handle joined, detached;
    {
        fiber::runtime r({.processors = 1});
        joined = r.go([] {});
        detached = r.go([] {});
    }
    joined.join();
    detached.detach();
    SUCCEED();
}

TEST_CASE("runtimes are made and destroyed repeatedly", "[runtime]") {
    for (int i = 0; i < 50; ++i) {
        fiber::runtime r({.processors = 2});
        CHECK(r.run([] { return fiber::go([] {}), 1; }) == 1);
    }
}

TEST_CASE("options out of range are refused", "[runtime]") {
    CHECK_THROWS_AS(fiber::runtime({.processors = 1'000'000}), std::invalid_argument);
    CHECK_THROWS_AS(fiber::runtime({.processors = 4, .max_machines = 3}), std::invalid_argument);
    CHECK_THROWS_AS(fiber::runtime({.max_machines = 0}), std::invalid_argument);
    CHECK_THROWS_AS(fiber::runtime({.processors = 1, .stack_size = 1}), std::invalid_argument);
    fiber::runtime r({.processors = 1});
    CHECK_THROWS_AS(r.set_processors(0), std::invalid_argument);
    CHECK_THROWS_AS(r.set_processors(100'000), std::invalid_argument);
    CHECK(r.processors() == 1);
}

TEST_CASE("a runtime's stack size applies to its fibers", "[runtime]") {
    fiber::runtime r({.processors = 1, .stack_size = 1 << 20});
    CHECK(r.run([] { return fiber::this_fiber::stack_remaining(); }) > 1000 * 1024);
}

TEST_CASE("set_processors grows and shrinks a busy runtime and loses no fiber", "[runtime]") {
    fiber::runtime r({.processors = 1});
    std::atomic<bool> done{false};
    std::atomic<int> ended{0};
    std::vector<fiber::handle> all;
    for (int i = 0; i < 40; ++i)
        all.push_back(r.go([&, i] {
            while (!done.load()) {
                if (i % 2 == 0)
                    fiber::this_fiber::yield();
                else
                    fiber::this_fiber::sleep_for(100us);
            }
            ++ended;
        }));
    for (int round = 0; round < 20; ++round)
        for (unsigned const n : {4u, 1u, 3u, 2u}) {
            r.set_processors(n);
            CHECK(r.processors() == n);
            r.run([] { fiber::this_fiber::yield(); });
        }
    done = true;
    for (auto& h : all)
        h.join();
    CHECK(ended == 40);
}

TEST_CASE("a timer armed on a retired processor still fires", "[runtime]") {
    fiber::runtime r({.processors = 4});
    std::vector<fiber::handle> all;
    for (int i = 0; i < 40; ++i)
        all.push_back(r.go([] { fiber::this_fiber::sleep_for(5ms); }));
    r.set_processors(1);
    for (auto& h : all)
        h.join();
    SUCCEED();
}

TEST_CASE("stats count fibers, parks, switches and timers", "[runtime]") {
    fiber::runtime r({.processors = 2});
    auto const before = r.stats();
    CHECK(before.fibers_live == 0);
    CHECK(before.processors == 2);
    CHECK(before.machines == 2);
    r.run([&] {
        std::atomic<bool> done{false};
        std::vector<fiber::handle> all;
        for (int i = 0; i < 10; ++i)
            all.push_back(fiber::go([&] {
                while (!done.load())
                    fiber::this_fiber::sleep_for(1ms);
            }));
        while (r.stats().timers == 0)
            fiber::this_fiber::yield();
        auto const now = r.stats();
        CHECK(now.fibers_live == 11);
        CHECK(now.fibers_runnable <= 11);
        CHECK(now.fibers_parked <= 11);
        CHECK(now.switches > 0);
        CHECK(now.stack_bytes_reserved >= 11 * 256 * 1024);
        done = true;
        for (auto& h : all)
            h.join();
    });
    while (r.stats().fibers_live != 0)
        std::this_thread::yield();
    CHECK(r.stats().parks > before.parks);
    CHECK(r.stats().timers == 0);
    r.trim();
}

TEST_CASE("stats count fibers shared out by one processor and taken by another", "[runtime]") {
    fiber::runtime r({.processors = 2});
    auto const before = r.stats().steals;
    while (r.stats().steals == before)
        r.run([] {
            std::vector<fiber::handle> all;
            for (int i = 0; i < 100; ++i)
                all.push_back(fiber::go([] {
                    for (int k = 0; k < 100; ++k)
                        fiber::this_fiber::yield();
                }));
            for (fiber::handle& h : all)
                h.join();
        });
    SUCCEED();
}

TEST_CASE("stats count fibers stolen from a processor with a computing fiber", "[runtime]") {
    fiber::runtime r({.processors = 2});
    auto const before = r.stats().steals;
    // If the thief gets no CPU, the processor is retaken instead, and the loop runs again.
    while (r.stats().steals == before)
        r.run([] {
            std::atomic<bool> taken{false};
            fiber::handle behind = fiber::go([&] { taken = true; });
            while (!taken.load()) { // computes
            }
            behind.join();
        });
    SUCCEED();
}

TEST_CASE("a steal from a computing fiber takes at least one heavy fence", "[runtime]") {
    fiber::runtime r({.processors = 2});
    auto const before = r.stats().heavy_fences;
    r.run([&] {
        std::atomic<bool> taken{false};
        fiber::handle behind = fiber::go([&] { taken = true; });
        while (!taken.load()) { // computes: the other processor revokes the lease of this one
        }
        behind.join();
    });
    CHECK((r.stats().heavy_fences > before) == !fiber::rt::light_fences_are_full());
}

TEST_CASE("a machine falls asleep without a heavy fence beside a computing machine", "[runtime]") {
    constexpr unsigned sleeps = 200;
    fiber::runtime r({.processors = 2});
    std::uint64_t fences = 0;
    r.run([&] {
        std::atomic<bool> computes{false}, enough{false};
        fiber::handle computing = fiber::go([&] {
            computes = true;
            while (!enough.load()) {
            }
        });
        while (!computes.load()) // Once both fibers run, they run on two processors.
            fiber::this_fiber::yield();
        auto const before = r.stats().heavy_fences;
        for (unsigned i = 0; i < sleeps; ++i)
            fiber::this_fiber::sleep_for(200us);
        fences = r.stats().heavy_fences - before;
        enough = true;
        computing.join();
    });
    CHECK(fences < sleeps / 4);
}

TEST_CASE("dump names each live fiber, its state and its wait", "[runtime]") {
    fiber::runtime r({.processors = 1});
    r.run([&] {
        std::atomic<bool> done{false};
        fiber::handle sleeper = fiber::go({.name = "sleepy"}, [&] {
            while (!done.load())
                fiber::this_fiber::sleep_for(1ms);
        });
        fiber::handle joiner = fiber::go({.name = "patient"}, [&] { sleeper.join(); });
        std::string text;
        do { // repeats until a dump finds both parked; a fiber that never parks hangs the test
            fiber::this_fiber::yield();
            text = tests::dumped(r);
        } while (text.find("\"sleepy\": parked, sleep") == std::string::npos ||
                 text.find("\"patient\": parked, join") == std::string::npos);
        CHECK(text.find("3 fibers on 1 processors") != std::string::npos);
        CHECK(text.find(": running") != std::string::npos);
        done = true;
        joiner.join();
    });
    CHECK(tests::dumped(r).find("sleepy") == std::string::npos);
}

TEST_CASE("fibers run on several processors at once", "[runtime]") {
    fiber::runtime r({.processors = 2});
    r.run([] {
        // Each fiber needs the other one to run at the same time: neither fiber parks.
        std::atomic<int> here{0};
        auto const meet = [&] {
            ++here;
            while (here.load() < 2)
                ;
        };
        fiber::handle a = fiber::go(meet), b = fiber::go(meet);
        a.join();
        b.join();
        CHECK(here == 2);
    });
}

TEST_CASE("an idle processor finds a fiber in `next` behind a computing fiber", "[runtime]") {
    fiber::runtime r({.processors = 2});
    r.run([] {
        std::atomic<bool> ran{false};
        fiber::handle const h = fiber::go([&] { ran = true; });
        while (!ran.load()) // never parks
            ;
        SUCCEED();
    });
}
