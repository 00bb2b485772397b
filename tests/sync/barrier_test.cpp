// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// barrier_test.cpp: fiber::barrier: phases, completions, dropping out, destruction.
#include "tests/support/catch.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/procs.hpp"

#include <fiber/barrier.hpp>
#include <fiber/go.hpp>

#include <atomic>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

constinit fiber::barrier<> constant_initialised(1);

static_assert(!std::is_copy_constructible_v<fiber::barrier<>>);
static_assert(std::is_nothrow_move_constructible_v<fiber::barrier<>::arrival_token>);
static_assert(!std::is_copy_constructible_v<fiber::barrier<>::arrival_token>);

} // namespace

TEST_CASE("a barrier for one opens at once, again and again", "[barrier]") {
    for (int i = 0; i < 3; ++i)
        constant_initialised.arrive_and_wait();
    constant_initialised.wait(constant_initialised.arrive());
    SUCCEED();
}

TEST_CASE("a phase ends after all have arrived and the completion has run", "[barrier]") {
    tests::for_each_mix([](tests::mix const& mix) {
        constexpr int phases = 100;
        int completed = 0; // only completions write it; it is read between two completions
        std::atomic<int> arrived{0};
        tests::expect expect;
        auto const complete = [&]() noexcept {
            ++completed;
            expect(arrived == completed * mix.size(), "all have arrived");
        };
        fiber::barrier all(mix.size(), complete);
        tests::run_concurrently(mix, [&](int task) {
            for (int phase = 1; phase <= phases; ++phase) {
                ++arrived;
                if (task % 2 == 0) {
                    all.arrive_and_wait();
                } else {
                    auto token = all.arrive();
                    if (phase % 3 == 0)
                        fiber::this_fiber::yield();
                    all.wait(std::move(token));
                }
                expect(completed == phase, "the completion has run, once");
            }
        });
        CHECK(completed == phases);
    });
}

TEST_CASE("the completion may wait", "[barrier]") {
    tests::on_processors([] {
        int completed = 0;
        auto const complete = [&]() noexcept {
            fiber::this_fiber::yield();
            fiber::this_fiber::sleep_for(std::chrono::microseconds(100));
            ++completed;
        };
        fiber::barrier both(2, complete);
        auto other = fiber::go([&] {
            for (int i = 0; i < 10; ++i)
                both.arrive_and_wait();
        });
        for (int i = 0; i < 10; ++i) {
            both.arrive_and_wait();
            CHECK(completed == i + 1);
        }
        other.join();
    });
}

TEST_CASE("later phases do not wait for a dropped agent", "[barrier]") {
    tests::on_processors([] {
        int phases = 0;
        auto const complete = [&]() noexcept { ++phases; };
        fiber::barrier all(4, complete);
        std::vector<fiber::handle> handles;
        for (int i = 0; i < 4; ++i)
            handles.push_back(fiber::go([&, i] {
                for (int phase = 0; phase < i; ++phase)
                    all.arrive_and_wait();
                all.arrive_and_drop();
            }));
        for (auto& h : handles)
            h.join();
        CHECK(phases == 4);
    });
}

TEST_CASE("one agent may arrive for several", "[barrier]") {
    fiber::barrier<> all(3);
    auto token = all.arrive(2);
    auto other = fiber::go([&] { all.arrive_and_wait(); });
    all.wait(std::move(token));
    other.join();
    all.wait(all.arrive(3));
    SUCCEED();
}

TEST_CASE("a barrier may be destroyed once no agent waits for it", "[barrier]") {
    for (int i = 0; i < 500; ++i) {
        auto both = std::make_unique<fiber::barrier<>>(2);
        auto other = fiber::go([&barrier = *both] { static_cast<void>(barrier.arrive()); });
        both->arrive_and_wait();
        both.reset();
        other.join();
    }
    SUCCEED();
}
