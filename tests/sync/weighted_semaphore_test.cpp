// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// weighted_semaphore_test.cpp: fiber::weighted_semaphore: units, order of waiters, stop requests.
#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/procs.hpp"

#include <fiber/go.hpp>
#include <fiber/stop_token.hpp>
#include <fiber/weighted_semaphore.hpp>

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace {

constinit fiber::weighted_semaphore constant_initialised(5);

static_assert(!std::is_copy_constructible_v<fiber::weighted_semaphore>);
static_assert(fiber::weighted_semaphore::max() >= std::numeric_limits<std::ptrdiff_t>::max() / 2);

template <class Error, class F>
std::string words_of(F const& f) {
    try {
        f();
    } catch (Error const& e) {
        return e.what();
    }
    return "no such exception";
}

} // namespace

TEST_CASE("a weighted semaphore gives out all its units, and no more", "[weighted_semaphore]") {
    auto& s = constant_initialised;
    s.acquire(2);
    CHECK(s.try_acquire(3));
    CHECK_FALSE(s.try_acquire(1));
    CHECK(s.try_acquire(0));
    s.acquire(0);
    s.release(0);
    CHECK_FALSE(s.try_acquire(1));
    s.release(4);
    CHECK_FALSE(s.try_acquire(5));
    CHECK(s.try_acquire(4));
    s.release(1); // in other portions than the acquires
    s.release(4);
    CHECK(s.try_acquire(5));
    s.release(5);
    fiber::weighted_semaphore none(0);
    CHECK(none.try_acquire(0));
    fiber::weighted_semaphore largest(fiber::weighted_semaphore::max());
    largest.acquire(largest.max());
    CHECK_FALSE(largest.try_acquire(1));
    largest.release(largest.max());
    CHECK(largest.try_acquire(largest.max()));
}

TEST_CASE("invalid numbers of units throw, and change nothing", "[weighted_semaphore]") {
    using std::invalid_argument;
    constexpr auto least = std::numeric_limits<std::ptrdiff_t>::min();
    constexpr auto most = std::numeric_limits<std::ptrdiff_t>::max();
    CHECK_THROWS_AS(fiber::weighted_semaphore(-1), invalid_argument);
    CHECK_THROWS_AS(fiber::weighted_semaphore(most), invalid_argument);
    fiber::weighted_semaphore s(8);
    s.acquire(3);
    for (std::ptrdiff_t const k : {least, std::ptrdiff_t(-1), std::ptrdiff_t(9), most}) {
        CHECK_THROWS_AS(s.acquire(k), invalid_argument);
        CHECK_THROWS_AS(s.acquire(k, std::stop_token()), invalid_argument);
        CHECK_THROWS_AS(s.try_acquire(k), invalid_argument);
        CHECK_THROWS_AS(s.release(k), invalid_argument);
    }
    CHECK(words_of<invalid_argument>([&] { s.acquire(9); }) ==
          "fiber::weighted_semaphore: asked for 9 units, and not 0 to 8");
    CHECK(words_of<std::logic_error>([&] { s.release(4); }) ==
          "fiber::weighted_semaphore: released 4 units, but 3 are held");
    CHECK(s.try_acquire(5));
    CHECK_FALSE(s.try_acquire(1));
    s.release(8);
}

TEST_CASE("releasing too many units throws, also with a waiter", "[weighted_semaphore]") {
    fiber::runtime runtime({.processors = 1});
    runtime.run([] {
        fiber::weighted_semaphore s(4);
        s.acquire(2);
        fiber::handle waiter = fiber::go([&] { s.acquire(4); });
        fiber::this_fiber::yield(); // the waiter has the only processor until it parks
        CHECK(words_of<std::logic_error>([&] { s.release(3); }) ==
              "fiber::weighted_semaphore: released 3 units, but 2 are held");
        s.release(2);
        waiter.join();
        CHECK_FALSE(s.try_acquire(1));
    });
}

TEST_CASE("a large request is not overtaken by small ones", "[weighted_semaphore]") {
    fiber::runtime runtime({.processors = 1});
    runtime.run([] {
        fiber::weighted_semaphore s(4);
        s.acquire(4);
        std::vector<int> order;
        std::vector<fiber::handle> handles;
        for (int const k : {1, 4, 1, 2, 1}) {
            handles.push_back(fiber::go([&, k] {
                s.acquire(k);
                order.push_back(k);
            }));
            fiber::this_fiber::yield();
        }
        auto const let_run = [] {
            for (int i = 0; i < 5; ++i)
                fiber::this_fiber::yield();
        };
        s.release(2);
        CHECK_FALSE(s.try_acquire(1)); // one unit is free, but the queue is not empty
        CHECK_FALSE(s.try_acquire(0));
        let_run();
        CHECK(order == std::vector{1});
        s.release(2);
        let_run();
        CHECK(order == std::vector{1}); // three units are free
        s.release(1);
        CHECK_FALSE(s.try_acquire(1));
        let_run();
        CHECK(order == std::vector{1, 4});
        s.release(4);
        for (auto& h : handles)
            h.join();
        CHECK(order == std::vector{1, 4, 1, 2, 1});
        s.release(4);
        CHECK(s.try_acquire(4));
    });
}

TEST_CASE("after a large request is stopped, small ones behind it are served", "[weighted_semaphore]") {
    fiber::runtime runtime({.processors = 1});
    runtime.run([] {
        fiber::weighted_semaphore s(4);
        s.acquire(2);
        fiber::stop_source source;
        fiber::handle large = fiber::go([&] { CHECK_FALSE(s.acquire(4, source.get_token())); });
        fiber::this_fiber::yield();
        std::vector<fiber::handle> small;
        for (int i = 0; i < 2; ++i)
            small.push_back(fiber::go([&] { s.acquire(1); }));
        fiber::this_fiber::yield();
        source.request_stop();
        large.join();
        for (auto& h : small)
            h.join(); // the test hangs if a request is not served
        CHECK_FALSE(s.try_acquire(1));
        s.release(4);
        CHECK(s.try_acquire(4));
    });
}

TEST_CASE("no more units are held than there are", "[weighted_semaphore]") {
    tests::for_each_mix([](tests::mix const& mix) {
        constexpr std::ptrdiff_t size = 7;
        fiber::weighted_semaphore s(size);
        std::atomic<std::ptrdiff_t> out{0};
        tests::expect expect;
        tests::run_concurrently(mix, [&](int task) {
            tests::chaos chaos(static_cast<std::uint64_t>(task));
            for (int i = 0; i < 300; ++i) {
                auto const k = static_cast<std::ptrdiff_t>(chaos.below(size + 1));
                if (i % 8 != 0)
                    s.acquire(k);
                else if (!s.try_acquire(k))
                    continue;
                expect((out += k) <= size, "at most seven");
                chaos();
                out -= k;
                s.release(k);
            }
        });
        CHECK(s.try_acquire(size));
    });
}

TEST_CASE("an acquire sees all writes before the release", "[weighted_semaphore]") {
    tests::for_each_mix([](tests::mix const& mix) {
        fiber::weighted_semaphore s(3);
        int count = 0; // guarded by all three units
        tests::run_concurrently(mix, [&](int task) {
            for (int i = 0; i < 200; ++i) {
                if (task % 2 == 0) {
                    s.acquire(1);
                    s.release(1);
                }
                s.acquire(3);
                int const seen = count;
                if (i % 16 == 0)
                    fiber::this_fiber::yield();
                count = seen + 1;
                s.release(2);
                s.release(1);
            }
        });
        CHECK(count == mix.size() * 200);
    });
}

TEST_CASE("a weighted semaphore may be destroyed once acquire has returned", "[weighted_semaphore]") {
    tests::for_each_mix([](tests::mix const&) {
        for (int i = 0; i < 200; ++i) {
            auto s = std::make_unique<fiber::weighted_semaphore>(2);
            s->acquire(1);
            auto h = fiber::go([&held = *s] { held.release(1); });
            s->acquire(2);
            s.reset();
            h.join();
        }
    });
    SUCCEED();
}
