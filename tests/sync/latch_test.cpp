// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// latch_test.cpp: fiber::latch: counting down, waits, destruction.
#include "tests/support/catch.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"

#include <fiber/go.hpp>
#include <fiber/latch.hpp>

#include <atomic>
#include <memory>
#include <type_traits>

namespace {

constinit fiber::latch constant_initialised(3);

static_assert(!std::is_copy_constructible_v<fiber::latch>);
static_assert(noexcept(constant_initialised.try_wait()));
static_assert(fiber::latch::max() > 1'000'000);

} // namespace

TEST_CASE("a latch opens when the count reaches zero", "[latch]") {
    CHECK_FALSE(constant_initialised.try_wait());
    constant_initialised.count_down();
    constant_initialised.count_down(0);
    CHECK_FALSE(constant_initialised.try_wait());
    constant_initialised.arrive_and_wait(2);
    CHECK(constant_initialised.try_wait());
    constant_initialised.wait();
    fiber::latch const open(0);
    CHECK(open.try_wait());
    open.wait();
}

TEST_CASE("no agent passes a latch until all have arrived", "[latch]") {
    tests::for_each_mix([](tests::mix const& mix) {
        fiber::latch all(mix.size());
        std::atomic<int> arrived{0};
        tests::expect expect;
        tests::run_concurrently(mix, [&](int task) {
            ++arrived;
            if (task % 2 == 0) {
                all.arrive_and_wait();
            } else {
                all.count_down();
                all.wait();
            }
            expect(arrived == mix.size(), "all have arrived");
        });
        CHECK(all.try_wait());
    });
}

TEST_CASE("a latch may be destroyed once a wait has returned", "[latch]") {
    for (int i = 0; i < 500; ++i) {
        auto done = std::make_unique<fiber::latch>(2);
        auto a = fiber::go([&latch = *done] { latch.count_down(); });
        auto b = fiber::go([&latch = *done] { latch.count_down(); });
        if (i % 2 == 0)
            done->wait();
        else
            while (!done->try_wait())
                fiber::this_fiber::yield();
        done.reset();
        a.join();
        b.join();
    }
    SUCCEED();
}
