// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// semaphore_test.cpp: fiber::counting_semaphore: permits, order of waiters, deadlines, destruction.
#include "tests/support/catch.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/procs.hpp"

#include <fiber/go.hpp>
#include <fiber/runtime.hpp>
#include <fiber/semaphore.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;

namespace {

constinit fiber::counting_semaphore<> constant_initialised(2);

static_assert(std::is_same_v<fiber::binary_semaphore, fiber::counting_semaphore<1>>);
static_assert(fiber::counting_semaphore<5>::max() >= 5 && fiber::binary_semaphore::max() >= 1);
static_assert(!std::is_copy_constructible_v<fiber::binary_semaphore>);
static_assert(noexcept(constant_initialised.try_acquire()));

} // namespace

TEST_CASE("a semaphore gives out all its permits, and no more", "[semaphore]") {
    CHECK(constant_initialised.try_acquire());
    constant_initialised.acquire();
    CHECK_FALSE(constant_initialised.try_acquire());
    CHECK_FALSE(constant_initialised.try_acquire_for(0s));
    constant_initialised.release(2);
    CHECK(constant_initialised.try_acquire_for(0s));
    CHECK(constant_initialised.try_acquire_until(std::chrono::system_clock::now()));
    CHECK_FALSE(constant_initialised.try_acquire());
    constant_initialised.release(0);
    CHECK_FALSE(constant_initialised.try_acquire());
}

TEST_CASE("no more agents are inside than there are permits", "[semaphore]") {
    tests::for_each_mix([](tests::mix const& mix) {
        fiber::counting_semaphore<3> permits(3);
        std::atomic<int> inside{0};
        tests::expect expect;
        tests::run_concurrently(mix, [&](int) {
            for (int i = 0; i < 200; ++i) {
                permits.acquire();
                expect(++inside <= 3, "at most three");
                if (i % 8 == 0)
                    fiber::this_fiber::yield();
                --inside;
                permits.release();
            }
        });
        CHECK(permits.try_acquire());
        CHECK(permits.try_acquire());
        CHECK(permits.try_acquire());
        CHECK_FALSE(permits.try_acquire());
    });
}

TEST_CASE("waiters get permits in the order of their arrival", "[semaphore]") {
    fiber::runtime runtime({.processors = 1});
    runtime.run([] {
        fiber::counting_semaphore<> s(0);
        std::vector<int> order;
        std::vector<fiber::handle> handles;
        for (int i = 0; i < 5; ++i) {
            handles.push_back(fiber::go([&, i] {
                if (i % 2 == 0)
                    s.acquire();
                else if (!s.try_acquire_for(1h))
                    return;
                order.push_back(i);
            }));
            fiber::this_fiber::yield(); // the fiber has the only processor until it parks
        }
        for (auto& h : handles) {
            s.release();
            CHECK_FALSE(s.try_acquire()); // the permit was granted, though the waiter has not run yet
            h.join();
        }
        CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
    });
}

TEST_CASE("a single fiber woken by a release runs next", "[semaphore]") {
    fiber::runtime one({.processors = 1});
    std::string order;
    one.run([&order] {
        fiber::counting_semaphore<> s(0);
        std::vector<fiber::handle> all;
        all.push_back(fiber::go([&] {
            s.acquire();
            order += 'w';
        }));
        fiber::this_fiber::yield();
        all.push_back(fiber::go([&] {
            fiber::this_fiber::yield();
            order += 'r';
        }));
        fiber::this_fiber::yield(); // the waiter is then in the queue
        s.release();
        for (auto& h : all)
            h.join();
    });
    CHECK(order == "wr");
}

TEST_CASE("a timed acquire without a release returns after its time, and takes nothing", "[semaphore]") {
    auto const timed = [] {
        fiber::binary_semaphore s(0);
        auto const before = std::chrono::steady_clock::now();
        CHECK_FALSE(s.try_acquire_for(3ms));
        CHECK(std::chrono::steady_clock::now() - before >= 3ms);
        CHECK_FALSE(s.try_acquire_until(before + 5ms));
        CHECK(std::chrono::steady_clock::now() - before >= 5ms);
        auto const other_clock = std::chrono::system_clock::now() + 2ms;
        CHECK_FALSE(s.try_acquire_until(other_clock));
        CHECK(std::chrono::system_clock::now() >= other_clock);
        CHECK_FALSE(s.try_acquire_for(-1h));
        s.release();
        CHECK(s.try_acquire_for(1h));
        CHECK_FALSE(s.try_acquire());
    };
    SECTION("in a fiber") { tests::on_processors(timed); }
    SECTION("in an OS thread") { timed(); }
}

TEST_CASE("timed-out waiters do not use up a permit", "[semaphore]") {
    tests::on_processors([] {
        fiber::counting_semaphore<> s(0);
        std::vector<fiber::handle> impatient;
        for (int i = 0; i < 4; ++i)
            impatient.push_back(fiber::go([&] { static_cast<void>(s.try_acquire_for(500us)); }));
        auto patient = fiber::go([&] { s.acquire(); });
        for (auto& h : impatient)
            h.join();
        s.release();
        patient.join();
        CHECK_FALSE(s.try_acquire());
    });
}

TEST_CASE("two agents alternate by two semaphores", "[semaphore]") {
    for (tests::mix const& c : {tests::mix{2, 0}, tests::mix{1, 1}, tests::mix{0, 2}}) {
        fiber::binary_semaphore turns[2]{fiber::binary_semaphore(1), fiber::binary_semaphore(0)};
        int count = 0;
        tests::run_concurrently(c, [&](int task) {
            for (int i = 0; i < 200; ++i) {
                turns[task].acquire();
                ++count;
                turns[1 - task].release();
            }
        });
        CHECK(count == 400);
    }
}

TEST_CASE("a semaphore may be destroyed once acquire has returned", "[semaphore]") {
    tests::for_each_mix([](tests::mix const&) {
        for (int i = 0; i < 200; ++i) {
            auto s = std::make_unique<fiber::binary_semaphore>(0);
            auto h = fiber::go([&signal = *s] { signal.release(); });
            s->acquire();
            s.reset();
            h.join();
        }
    });
    SUCCEED();
}
