// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// condition_variable_test.cpp: fiber::condition_variable: notifications, deadlines, destruction.
#include "tests/support/catch.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/procs.hpp"

#include <fiber/condition_variable.hpp>
#include <fiber/go.hpp>
#include <fiber/mutex.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;

namespace {

constinit fiber::condition_variable constant_initialised;

static_assert(std::is_same_v<fiber::cv_status, std::cv_status>);
static_assert(!std::is_copy_constructible_v<fiber::condition_variable>);

// Returns when `waiting` is `expected`. Each waiter adds 1 before it waits, and holds the mutex
// until then.
void await(fiber::mutex& m, int const& waiting, int expected) {
    auto const all_wait = [&] {
        std::scoped_lock guard(m);
        return waiting == expected;
    };
    while (!all_wait())
        fiber::this_fiber::yield();
}

} // namespace

TEST_CASE("notify_all wakes all waiters", "[condition_variable]") {
    tests::for_each_mix([](tests::mix const& mix) {
        fiber::mutex m;
        fiber::condition_variable cv;
        int waiting = 0;
        bool open = false;
        std::atomic<int> passed{0};
        std::thread opener([&] {
            await(m, waiting, mix.size());
            std::scoped_lock guard(m);
            open = true;
            cv.notify_all();
        });
        tests::run_concurrently(mix, [&](int) {
            std::unique_lock lock(m);
            ++waiting;
            cv.wait(lock, [&] { return open; });
            ++passed;
        });
        opener.join();
        CHECK(passed == mix.size());
    });
}

TEST_CASE("notify_all wakes more waiters than one batch holds", "[condition_variable]") {
    tests::on_processors([] {
        constexpr int many = 100;
        fiber::mutex m;
        fiber::condition_variable cv;
        int waiting = 0;
        std::vector<fiber::handle> handles;
        for (int i = 0; i < many; ++i)
            handles.push_back(fiber::go([&] {
                std::unique_lock lock(m);
                ++waiting;
                cv.wait(lock);
                --waiting;
            }));
        await(m, waiting, many);
        cv.notify_all();
        for (auto& h : handles)
            h.join();
        CHECK(waiting == 0);
    });
}

TEST_CASE("notify_one wakes only the first waiter in the queue", "[condition_variable]") {
    fiber::runtime runtime({.processors = 1});
    runtime.run([] {
        fiber::mutex m;
        fiber::condition_variable cv;
        int waiting = 0;
        std::vector<int> woken;
        std::vector<fiber::handle> handles;
        for (int i = 0; i < 4; ++i) {
            handles.push_back(fiber::go([&, i] {
                std::unique_lock lock(m);
                ++waiting;
                cv.wait(lock);
                woken.push_back(i);
            }));
            await(m, waiting, i + 1);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            cv.notify_one();
            handles[i].join();
            CHECK(woken.size() == i + 1);
            CHECK(woken.back() == static_cast<int>(i));
        }
    });
}

TEST_CASE("a notification without a waiter is lost", "[condition_variable]") {
    fiber::mutex m;
    constant_initialised.notify_one();
    constant_initialised.notify_all();
    std::unique_lock lock(m);
    CHECK(constant_initialised.wait_for(lock, 1ms) == fiber::cv_status::timeout);
}

TEST_CASE("wait unlocks the mutex, and locks it again before the return", "[condition_variable]") {
    tests::on_processors([] {
        fiber::mutex m;
        fiber::condition_variable cv;
        bool waiting = false;
        bool held_after = false;
        auto waiter = fiber::go([&] {
            std::unique_lock lock(m);
            waiting = true;
            cv.wait(lock);
            held_after = lock.owns_lock() && !m.try_lock();
        });
        for (bool seen = false; !seen; fiber::this_fiber::yield()) {
            std::scoped_lock guard(m); // the mutex is free while the waiter waits
            seen = waiting;
        }
        cv.notify_one();
        waiter.join();
        CHECK(held_after);
        CHECK(m.try_lock());
        m.unlock();
    });
}

TEST_CASE("a timed wait without a notification returns after its time, locked", "[condition_variable]") {
    auto const timed_waits = [] {
        fiber::mutex m;
        fiber::condition_variable cv;
        std::unique_lock lock(m);

        auto before = std::chrono::steady_clock::now();
        CHECK(cv.wait_for(lock, 3ms) == fiber::cv_status::timeout);
        CHECK(std::chrono::steady_clock::now() - before >= 3ms);
        CHECK(lock.owns_lock());
        CHECK_FALSE(m.try_lock());

        before = std::chrono::steady_clock::now();
        CHECK(cv.wait_until(lock, before + 3ms) == fiber::cv_status::timeout);
        CHECK(std::chrono::steady_clock::now() - before >= 3ms);

        auto const other_clock = std::chrono::system_clock::now() + 3ms;
        while (cv.wait_until(lock, other_clock) != fiber::cv_status::timeout) {
        }
        CHECK(std::chrono::system_clock::now() >= other_clock);

        CHECK_FALSE(cv.wait_for(lock, 1ms, [] { return false; }));
        int asked = 0;
        // The predicate is called once before the wait, and once after it.
        CHECK(cv.wait_for(lock, 1ms, [&] { return ++asked == 2; }));
        CHECK(cv.wait_for(lock, 0ms, [] { return true; }));
    };
    SECTION("in a fiber") { tests::on_processors(timed_waits); }
    SECTION("in an OS thread") { timed_waits(); }
}

TEST_CASE("a wait until a past time unlocks and returns", "[condition_variable]") {
    fiber::mutex m;
    fiber::condition_variable cv;
    std::unique_lock lock(m);
    CHECK(cv.wait_until(lock, std::chrono::steady_clock::now() - 1h) == fiber::cv_status::timeout);
    CHECK(cv.wait_until(lock, std::chrono::system_clock::time_point()) == fiber::cv_status::timeout);
    CHECK(cv.wait_for(lock, -1s) == fiber::cv_status::timeout);
    CHECK(cv.wait_for(lock, std::chrono::hours::min()) == fiber::cv_status::timeout);
    CHECK(lock.owns_lock());
}

TEST_CASE("a timed wait is ended by a notification", "[condition_variable]") {
    tests::for_each_mix([](tests::mix const& mix) {
        fiber::mutex m;
        fiber::condition_variable cv;
        int waiting = 0;
        std::atomic<int> timed_out{0};
        std::thread opener([&] {
            await(m, waiting, mix.size());
            cv.notify_all();
        });
        tests::run_concurrently(mix, [&](int task) {
            std::unique_lock lock(m);
            ++waiting;
            auto const end =
                task % 2 == 0 ? cv.wait_for(lock, 1h) : cv.wait_for(lock, std::chrono::hours::max());
            timed_out += end == fiber::cv_status::timeout ? 1 : 0;
        });
        opener.join();
        CHECK(timed_out == 0);
    });
}

TEST_CASE("timed-out waiters do not use up a notification", "[condition_variable]") {
    tests::on_processors([] {
        fiber::mutex m;
        fiber::condition_variable cv;
        int waiting = 0;
        std::vector<fiber::handle> impatient;
        for (int i = 0; i < 4; ++i)
            impatient.push_back(fiber::go([&] {
                std::unique_lock lock(m);
                ++waiting;
                cv.wait_for(lock, 1ms);
            }));
        await(m, waiting, 4);
        auto patient = fiber::go([&] {
            std::unique_lock lock(m);
            ++waiting;
            cv.wait(lock);
        });
        await(m, waiting, 5);
        for (auto& h : impatient)
            h.join();
        cv.notify_one();
        patient.join();
    });
}

TEST_CASE("fibers and OS threads pass a token around", "[condition_variable]") {
    tests::for_each_mix([](tests::mix const& mix) {
        constexpr int rounds = 100;
        fiber::mutex m;
        fiber::condition_variable cv;
        int turn = 0;
        tests::run_concurrently(mix, [&](int task) {
            for (int i = 0; i < rounds; ++i) {
                std::unique_lock lock(m);
                cv.wait(lock, [&] { return turn % mix.size() == task; });
                ++turn;
                cv.notify_all();
            }
        });
        CHECK(turn == mix.size() * rounds);
    });
}

TEST_CASE("a condition_variable may be destroyed once all waiters are notified", "[condition_variable]") {
    tests::for_each_mix([](tests::mix const& mix) {
        fiber::mutex m;
        auto cv = std::make_unique<std::optional<fiber::condition_variable>>(std::in_place);
        int waiting = 0;
        std::thread opener([&] {
            await(m, waiting, mix.size());
            std::scoped_lock guard(m); // no waiter can return yet
            (*cv)->notify_all();
            cv.reset();
        });
        tests::run_concurrently(mix, [&, &condition = **cv](int task) {
            std::unique_lock lock(m);
            ++waiting;
            if (task % 2 == 0)
                condition.wait(lock);
            else
                condition.wait_for(lock, 1h);
        });
        opener.join();
        CHECK(cv == nullptr);
    });
}

TEST_CASE("notify_all_at_thread_exit unlocks and notifies at the end of a fiber or thread",
          "[condition_variable]") {
    auto const run = [](auto start) {
        fiber::mutex m;
        fiber::condition_variable cv;
        bool done = false;
        std::unique_lock lock(m);
        auto task = start([&] {
            std::unique_lock mine(m);
            done = true;
            fiber::notify_all_at_thread_exit(cv, std::move(mine));
        });
        cv.wait(lock, [&] { return done; });
        CHECK(done);
        lock.unlock();
        task.join();
    };
    run([](auto f) { return fiber::thread(f); });
    run([](auto f) { return std::thread(f); });
}
