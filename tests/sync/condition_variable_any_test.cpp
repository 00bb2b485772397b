// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// condition_variable_any_test.cpp: fiber::condition_variable_any: waits under any lock, stop
// tokens, destruction.
#include "tests/support/catch.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/procs.hpp"

#include <fiber/condition_variable.hpp>
#include <fiber/go.hpp>
#include <fiber/mutex.hpp>
#include <fiber/shared_mutex.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <thread>
#include <type_traits>

using namespace std::chrono_literals;

namespace {

constinit fiber::condition_variable_any constant_initialised;

static_assert(!std::is_copy_constructible_v<fiber::condition_variable_any>);

} // namespace

TEMPLATE_TEST_CASE("fibers and OS threads pass a token around under any lock", "[condition_variable_any]",
                   std::unique_lock<fiber::mutex>, std::unique_lock<fiber::timed_mutex>,
                   std::unique_lock<fiber::recursive_mutex>, std::unique_lock<fiber::shared_mutex>,
                   std::unique_lock<std::mutex>) {
    tests::for_each_mix([](tests::mix const& mix) {
        constexpr int rounds = 50;
        typename TestType::mutex_type m;
        fiber::condition_variable_any cv;
        int turn = 0;
        tests::run_concurrently(mix, [&](int task) {
            for (int i = 0; i < rounds; ++i) {
                TestType lock(m);
                cv.wait(lock, [&] { return turn % mix.size() == task; });
                ++turn;
                cv.notify_all();
            }
        });
        CHECK(turn == mix.size() * rounds);
    });
}

TEST_CASE("a condition_variable_any takes a mutex as its lock", "[condition_variable_any]") {
    fiber::mutex m;
    m.lock();
    CHECK(constant_initialised.wait_for(m, 1ms) == fiber::cv_status::timeout);
    CHECK_FALSE(
        constant_initialised.wait_until(m, std::chrono::system_clock::now() + 1ms, [] { return false; }));
    CHECK_FALSE(m.try_lock());
    m.unlock();
}

TEST_CASE("all waiters under a shared lock are woken together", "[condition_variable_any]") {
    tests::for_each_mix([](tests::mix const& mix) {
        fiber::shared_mutex m;
        fiber::condition_variable_any cv;
        bool open = false;
        std::atomic<int> waiting{0};
        std::thread opener([&] {
            while (waiting != mix.size())
                std::this_thread::yield();
            {
                std::scoped_lock lock(m);
                open = true;
            }
            cv.notify_all();
        });
        tests::run_concurrently(mix, [&](int) {
            std::shared_lock lock(m);
            ++waiting;
            cv.wait(lock, [&] { return open; });
        });
        opener.join();
    });
    SUCCEED();
}

TEST_CASE("std::condition_variable_any works with the library's mutexes", "[condition_variable_any]") {
    fiber::timed_mutex m;
    std::condition_variable_any cv;
    bool ready = false;
    std::thread other([&] {
        std::scoped_lock lock(m);
        ready = true;
        cv.notify_one();
    });
    std::unique_lock lock(m);
    cv.wait(lock, [&] { return ready; });
    CHECK(ready);
    lock.unlock();
    other.join();
}

TEST_CASE("a stop request ends a wait", "[condition_variable_any]") {
    tests::for_each_mix([](tests::mix const& mix) {
        fiber::mutex m;
        fiber::condition_variable_any cv;
        std::stop_source stop;
        int waiting = 0;
        std::atomic<int> ended{0};
        std::thread stopper([&] {
            for (bool all = false; !all; std::this_thread::yield()) {
                std::scoped_lock lock(m);
                all = waiting == mix.size();
            }
            stop.request_stop();
        });
        tests::run_concurrently(mix, [&](int task) {
            std::unique_lock lock(m);
            ++waiting;
            auto const never = [] { return false; };
            bool const held = task % 3 == 0   ? cv.wait(lock, stop.get_token(), never)
                              : task % 3 == 1 ? cv.wait_for(lock, stop.get_token(), 1h, never)
                                              : cv.wait_until(lock, stop.get_token(),
                                                              std::chrono::system_clock::now() + 1h, never);
            ended += !held && lock.owns_lock() ? 1 : 0;
        });
        stopper.join();
        CHECK(ended == mix.size());
    });
}

TEST_CASE("a wait after a stop returns at once, and calls the predicate once", "[condition_variable_any]") {
    std::stop_source stop;
    stop.request_stop();
    fiber::mutex m;
    fiber::condition_variable_any cv;
    std::unique_lock lock(m);
    int asked = 0;
    CHECK(cv.wait(lock, stop.get_token(), [&] { return ++asked == 1; }));
    CHECK_FALSE(cv.wait_for(lock, stop.get_token(), 1h, [&] { return ++asked == 1; }));
    CHECK(asked == 2);
}

TEST_CASE("a deadline and a notification end a wait with a stop token", "[condition_variable_any]") {
    tests::on_processors([] {
        std::stop_source stop;
        fiber::mutex m;
        fiber::condition_variable_any cv;
        std::unique_lock lock(m);
        auto const before = std::chrono::steady_clock::now();
        CHECK_FALSE(cv.wait_for(lock, stop.get_token(), 2ms, [] { return false; }));
        CHECK(std::chrono::steady_clock::now() - before >= 2ms);
        bool done = false;
        auto other = fiber::go([&] {
            std::scoped_lock inner(m);
            done = true;
            cv.notify_one();
        });
        CHECK(cv.wait(lock, stop.get_token(), [&] { return done; }));
        CHECK(cv.wait_for(lock, std::stop_token(), 0s, [&] { return done; }));
        lock.unlock();
        other.join();
    });
}

TEST_CASE("a stopped waiter does not use up a notification", "[condition_variable_any]") {
    fiber::runtime runtime({.processors = 1});
    runtime.run([] {
        fiber::mutex m;
        fiber::condition_variable_any cv;
        std::stop_source stop;
        bool go_on = false;
        auto stopped = fiber::go([&] {
            std::unique_lock lock(m);
            cv.wait(lock, stop.get_token(), [] { return false; });
        });
        fiber::this_fiber::yield(); // the fiber has the only processor until it parks
        auto patient = fiber::go([&] {
            std::unique_lock lock(m);
            cv.wait(lock, [&] { return go_on; });
        });
        fiber::this_fiber::yield();
        stop.request_stop(); // the first waiter has been woken, and is still in the queue
        go_on = true;
        cv.notify_one();
        patient.join();
        stopped.join();
    });
    SUCCEED();
}

TEST_CASE("a condition_variable_any may be destroyed once all are notified or stopped",
          "[condition_variable_any]") {
    tests::for_each_mix([](tests::mix const& mix) {
        fiber::mutex m;
        auto cv = std::make_unique<fiber::condition_variable_any>();
        std::stop_source stop;
        int waiting = 0;
        bool open = false;
        std::thread opener([&] {
            for (bool all = false; !all; std::this_thread::yield()) {
                std::scoped_lock lock(m);
                all = waiting == mix.size();
            }
            std::scoped_lock lock(m); // no waiter can return yet
            open = true;
            stop.request_stop();
            cv->notify_all();
            cv.reset();
        });
        tests::run_concurrently(mix, [&, &condition = *cv](int task) {
            std::unique_lock lock(m);
            ++waiting;
            if (task % 2 == 0)
                condition.wait(lock, [&] { return open; });
            else
                condition.wait(lock, stop.get_token(), [&] { return open; });
        });
        opener.join();
        CHECK(cv == nullptr);
    });
}
