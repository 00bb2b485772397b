// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// once_test.cpp: fiber::call_once: concurrent calls, and calls that throw.
#include "tests/support/catch.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/procs.hpp"

#include <fiber/go.hpp>
#include <fiber/once.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <vector>

namespace {

constinit fiber::once_flag constant_initialised;

static_assert(!std::is_copy_constructible_v<fiber::once_flag>);
static_assert(std::is_trivially_destructible_v<fiber::once_flag>);

} // namespace

TEST_CASE("call_once calls once, and all callers see the effects", "[once]") {
    tests::for_each_mix([](tests::mix const& mix) {
        fiber::once_flag flag;
        tests::expect expect;
        int calls = 0;
        tests::run_concurrently(mix, [&](int) {
            fiber::call_once(flag, [&] {
                for (int i = 0; i < 10; ++i)
                    fiber::this_fiber::yield();
                ++calls;
            });
            expect(calls == 1, "the call has been made");
        });
    });
}

TEST_CASE("a call_once after the first does nothing", "[once]") {
    int calls = 0;
    for (int i = 0; i < 3; ++i)
        fiber::call_once(constant_initialised, [&] { ++calls; });
    CHECK(calls == 1);
}

TEST_CASE("call_once waits for a running call", "[once]") {
    fiber::runtime runtime({.processors = 1});
    runtime.run([] {
        fiber::once_flag flag;
        std::vector<char> events;
        auto first = fiber::go([&] {
            fiber::call_once(flag, [&] {
                events.push_back('a');
                fiber::this_fiber::yield();
                fiber::this_fiber::yield();
                events.push_back('b');
            });
        });
        fiber::this_fiber::yield();
        fiber::call_once(flag, [&] { events.push_back('x'); });
        events.push_back('c');
        first.join();
        CHECK(events == std::vector<char>{'a', 'b', 'c'});
    });
}

TEST_CASE("an exception goes to the caller, and the next caller tries again", "[once]") {
    tests::for_each_mix([](tests::mix const& mix) {
        fiber::once_flag flag;
        int attempts = 0; // guarded by the flag
        std::atomic<int> caught{0};
        std::atomic<int> returned{0};
        tests::run_concurrently(mix, [&](int) {
            try {
                fiber::call_once(flag, [&] {
                    fiber::this_fiber::yield();
                    if (++attempts < 4)
                        throw std::runtime_error("not yet");
                });
                ++returned;
            } catch (std::runtime_error const&) {
                ++caught;
            }
        });
        CHECK(attempts == 4);
        CHECK(caught == 3);
        CHECK(returned == mix.size() - 3);
    });
}

TEST_CASE("a failed attempt leaves the flag to later callers", "[once]") {
    fiber::once_flag flag;
    CHECK_THROWS_AS(fiber::call_once(flag, [] { throw std::logic_error("first"); }), std::logic_error);
    CHECK_THROWS_AS(fiber::call_once(flag, [] { throw 2; }), int);
    bool called = false;
    fiber::call_once(flag, [&] { called = true; });
    CHECK(called);
    fiber::call_once(flag, [] { throw 4; });
}

TEST_CASE("call_once forwards arguments and takes members", "[once]") {
    fiber::once_flag flag;
    std::unique_ptr<int> kept;
    int value = 1;
    fiber::call_once(
        flag,
        [&](std::unique_ptr<int> p, int& by_reference) {
            kept = std::move(p);
            by_reference = 7;
        },
        std::make_unique<int>(5), value);
    CHECK(*kept == 5);
    CHECK(value == 7);

    struct service {
        int started = 0;
        void start(int n) { started += n; }
    } s;
    fiber::once_flag member_flag;
    fiber::call_once(member_flag, &service::start, &s, 3);
    fiber::call_once(member_flag, &service::start, &s, 3);
    CHECK(s.started == 3);
}
