// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// mutex_test.cpp: fiber::mutex: exclusion, order of waiters, grants.
#include "tests/support/catch.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/procs.hpp"

#include <fiber/go.hpp>
#include <fiber/mutex.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;

namespace {

constinit fiber::mutex constant_initialised;

static_assert(sizeof(fiber::mutex) <= 16);
static_assert(!std::is_copy_constructible_v<fiber::mutex> && !std::is_move_constructible_v<fiber::mutex>);

// Starts a fiber in the caller's runtime, which must have one processor. Returns when the fiber has
// parked or ended.
template <class F>
fiber::handle go_until_parked(F f) {
    auto h = fiber::go(std::move(f));
    fiber::this_fiber::yield();
    return h;
}

} // namespace

TEST_CASE("a mutex has one owner at a time", "[mutex]") {
    tests::for_each_mix([](tests::mix const& mix) {
        constexpr int rounds = 500;
        fiber::mutex m;
        int count = 0;
        tests::run_concurrently(mix, [&](int) {
            for (int i = 0; i < rounds; ++i) {
                std::scoped_lock guard(m);
                int const seen = count;
                if (i % 16 == 0)
                    fiber::this_fiber::yield();
                count = seen + 1;
            }
        });
        CHECK(count == mix.size() * rounds);
    });
}

TEST_CASE("a mutex with static storage is usable without any initialisation", "[mutex]") {
    std::scoped_lock guard(constant_initialised);
    CHECK_FALSE(std::async(std::launch::async, [] { return constant_initialised.try_lock(); }).get());
}

TEST_CASE("try_lock locks a free mutex, and fails for a locked one", "[mutex]") {
    tests::on_processors([] {
        fiber::mutex m;
        REQUIRE(m.try_lock());
        bool second = true;
        fiber::go([&] { second = m.try_lock(); }).join();
        CHECK_FALSE(second);
        m.unlock();
        fiber::go([&] {
            second = m.try_lock();
            m.unlock();
        }).join();
        CHECK(second);
        CHECK(m.try_lock());
        m.unlock();
    });
}

TEST_CASE("a waiting fiber frees its processor", "[mutex]") {
    fiber::runtime runtime({.processors = 1});
    runtime.run([] {
        fiber::mutex m;
        m.lock();
        bool locked = false;
        auto waiter = go_until_parked([&] {
            std::scoped_lock guard(m);
            locked = true;
        });
        CHECK_FALSE(locked); // this fiber runs, so the waiter has parked
        m.unlock();
        waiter.join();
        CHECK(locked);
    });
}

TEST_CASE("a fiber waits for a mutex of an OS thread, and an OS thread for a fiber's", "[mutex]") {
    fiber::mutex m;
    int value = 0;
    m.lock();
    std::atomic<bool> asked{false};
    auto h = fiber::go([&] {
        asked = true;
        std::scoped_lock guard(m);
        value += 1;
    });
    while (!asked)
        std::this_thread::yield();
    value = 1;
    m.unlock();
    h.join();
    CHECK(value == 2);

    asked = false;
    std::thread thread;
    fiber::run([&] {
        m.lock();
        thread = std::thread([&] {
            asked = true;
            std::scoped_lock guard(m);
            value += 10;
        });
        while (!asked)
            fiber::this_fiber::yield();
        value = 3;
        m.unlock();
    });
    thread.join();
    CHECK(value == 13);
}

TEST_CASE("a mutex may be held across a yield, and be unlocked on another machine", "[mutex]") {
    tests::on_processors([] {
        fiber::mutex m;
        int inside = 0;
        tests::expect expect;
        std::vector<fiber::handle> handles;
        for (int i = 0; i < 8; ++i)
            handles.push_back(fiber::go([&] {
                for (int n = 0; n < 50; ++n) {
                    m.lock();
                    expect(++inside == 1, "alone after lock");
                    fiber::this_fiber::yield();
                    expect(--inside == 0, "alone before unlock");
                    m.unlock();
                }
            }));
        for (auto& h : handles)
            h.join();
    });
}

TEST_CASE("waiters get a mutex in the order of their arrival", "[mutex]") {
    fiber::runtime runtime({.processors = 1});
    runtime.run([] {
        fiber::mutex m;
        std::vector<int> order;
        std::vector<fiber::handle> handles;
        m.lock();
        for (int i = 0; i < 5; ++i)
            handles.push_back(go_until_parked([&, i] {
                std::scoped_lock guard(m);
                order.push_back(i);
            }));
        m.unlock();
        for (auto& h : handles)
            h.join();
        CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
    });
}

TEST_CASE("a running agent may lock before a woken waiter runs", "[mutex]") {
    fiber::runtime runtime({.processors = 1});
    runtime.run([] {
        fiber::mutex m;
        m.lock();
        bool waiter_was_first = false;
        auto waiter = go_until_parked([&] {
            std::scoped_lock guard(m);
            waiter_was_first = true;
        });
        m.unlock();
        CHECK(m.try_lock()); // the waiter has been woken, and has not run yet
        CHECK_FALSE(waiter_was_first);
        m.unlock();
        waiter.join();
    });
}

TEST_CASE("unlock grants the mutex to a waiter after 1 ms and a lost race", "[mutex]") {
    fiber::runtime runtime({.processors = 1});
    runtime.run([] {
        fiber::mutex m;
        m.lock();
        bool granted = false;
        auto waiter = go_until_parked([&] {
            std::scoped_lock guard(m);
            granted = true;
        });
        fiber::this_fiber::sleep_for(2ms);
        m.unlock(); // wakes the waiter
        m.lock();   // comes before the waiter runs
        CHECK_FALSE(granted);
        fiber::this_fiber::yield(); // the waiter finds the mutex locked again
        m.unlock();
        CHECK_FALSE(m.try_lock()); // the mutex was granted to the waiter
        m.lock();
        CHECK(granted);
        m.unlock();
        waiter.join();
    });
}

TEST_CASE("locking in a loop does not starve other agents", "[mutex]") {
    tests::on_processors([] {
        fiber::mutex m;
        std::atomic<bool> stop{false};
        auto greedy = fiber::go([&] {
            for (m.lock(); !stop;) {
                fiber::this_fiber::yield();
                m.unlock();
                m.lock();
            }
            m.unlock();
        });
        for (int i = 0; i < 5; ++i) {
            std::scoped_lock guard(m); // the test hangs if the lock starves
            fiber::this_fiber::yield();
        }
        stop = true;
        greedy.join();
    });
}

TEST_CASE("unlocking without parking does not starve other agents", "[mutex]") {
    tests::on_processors([] {
        fiber::mutex m;
        std::atomic<bool> stop{false};
        auto greedy = fiber::go([&] {
            while (!stop)
                std::scoped_lock guard(m);
        });
        for (int i = 0; i < 20; ++i) {
            std::scoped_lock guard(m); // the test hangs if the lock starves
            fiber::this_fiber::yield();
        }
        stop = true;
        greedy.join();
    });
}

TEST_CASE("a mutex works with std::lock, in any order", "[mutex]") {
    tests::for_each_mix([](tests::mix const& mix) {
        fiber::mutex a;
        fiber::mutex b;
        int count = 0;
        tests::run_concurrently(mix, [&](int task) {
            for (int i = 0; i < 100; ++i) {
                auto& first = task % 2 == 0 ? a : b;
                auto& second = task % 2 == 0 ? b : a;
                std::scoped_lock guard(first, second);
                ++count;
            }
        });
        CHECK(count == mix.size() * 100);
    });
}
