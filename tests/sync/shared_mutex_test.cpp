// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// shared_mutex_test.cpp: fiber::shared_mutex and shared_timed_mutex: exclusion, order, deadlines.
#include "tests/support/catch.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/procs.hpp"

#include <fiber/go.hpp>
#include <fiber/shared_mutex.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;

#define SHARED_MUTEXES fiber::shared_mutex, fiber::shared_timed_mutex

namespace {

constinit fiber::shared_mutex constant_initialised;

static_assert(sizeof(fiber::shared_mutex) <= 16);
static_assert(!std::is_copy_constructible_v<fiber::shared_mutex>);
static_assert(!std::is_copy_constructible_v<fiber::shared_timed_mutex>);

// After this number of readers the mutex is biased: readers use the table.
constexpr int many_readers = 1000;

template <class Mutex>
void read_often(Mutex& m) {
    for (int i = 0; i < many_readers; ++i)
        std::shared_lock lock(m);
}

// Starts a fiber in the caller's runtime, which must have one processor. Returns when the fiber has
// parked or ended.
template <class F>
fiber::handle go_until_parked(F f) {
    auto h = fiber::go(std::move(f));
    fiber::this_fiber::yield();
    return h;
}

} // namespace

TEMPLATE_TEST_CASE("one writer or many readers", "[shared_mutex]", SHARED_MUTEXES) {
    for (bool const after_many : {false, true}) {
        TestType m;
        if (after_many)
            read_often(m);
        m.lock_shared();
        CHECK(m.try_lock_shared());
        CHECK_FALSE(m.try_lock());
        bool another = false;
        fiber::go([&] {
            another = m.try_lock_shared();
            if (another)
                m.unlock_shared();
        }).join();
        CHECK(another);
        m.unlock_shared();
        CHECK_FALSE(m.try_lock());
        m.unlock_shared();
        CHECK(m.try_lock());
        CHECK_FALSE(m.try_lock());
        CHECK_FALSE(m.try_lock_shared());
        m.unlock();
        CHECK(m.try_lock_shared());
        m.unlock_shared();
    }
}

TEST_CASE("a shared mutex of static storage is usable without any initialisation", "[shared_mutex]") {
    std::scoped_lock alone(constant_initialised);
    CHECK_FALSE(constant_initialised.try_lock_shared());
}

TEMPLATE_TEST_CASE("a writer is alone, and readers see its writes", "[shared_mutex]", SHARED_MUTEXES) {
    tests::for_each_mix([](tests::mix const& mix) {
        constexpr int rounds = 1000;
        TestType m;
        int a = 0;
        int b = 0;
        std::atomic<int> written{0};
        tests::expect expect;
        tests::run_concurrently(mix, [&](int task) {
            for (int i = 0; i < rounds; ++i) {
                if ((i + task) % 97 == 0) {
                    std::scoped_lock lock(m);
                    ++a;
                    if (i % 2 == 0)
                        fiber::this_fiber::yield();
                    ++b;
                    ++written;
                } else {
                    std::shared_lock lock(m);
                    int const seen = a;
                    if (i % 16 == 0)
                        fiber::this_fiber::yield();
                    expect(seen == b, "no writer in between");
                }
            }
        });
        CHECK(a == written);
    });
}

TEST_CASE("readers are inside together", "[shared_mutex]") {
    tests::for_each_mix([](tests::mix const& mix) {
        fiber::shared_mutex m;
        std::atomic<int> inside{0};
        tests::run_concurrently(mix, [&](int) {
            std::shared_lock lock(m);
            ++inside;
            while (inside != mix.size()) // the test hangs if the readers exclude each other
                fiber::this_fiber::yield();
        });
        CHECK(m.try_lock());
        m.unlock();
    });
}

TEST_CASE("waiters are served in the order of arrival, readers together", "[shared_mutex]") {
    fiber::runtime runtime({.processors = 1});
    runtime.run([] {
        fiber::shared_mutex m;
        std::string order;
        std::vector<fiber::handle> handles;
        m.lock();
        for (char const who : std::string("rrwrww")) {
            handles.push_back(go_until_parked([&, who] {
                if (who == 'r') {
                    std::shared_lock lock(m);
                    order += who;
                    fiber::this_fiber::yield();
                    order += who;
                } else {
                    std::scoped_lock lock(m);
                    order += who;
                    fiber::this_fiber::yield();
                    order += who;
                }
            }));
        }
        m.unlock();
        CHECK_FALSE(m.try_lock()); // it was granted to waiters
        for (auto& h : handles)
            h.join();
        CHECK(order == "rrrrwwrrwwww");
    });
}

TEST_CASE("later readers do not overtake a waiting writer", "[shared_mutex]") {
    fiber::runtime runtime({.processors = 1});
    runtime.run([] {
        fiber::shared_timed_mutex m;
        read_often(m);
        m.lock_shared();
        auto writer = go_until_parked([&] { std::scoped_lock lock(m); });
        CHECK_FALSE(m.try_lock_shared());
        CHECK_FALSE(m.try_lock_shared_for(1ms));
        m.unlock_shared();
        writer.join();
        CHECK(m.try_lock_shared_for(1h));
        m.unlock_shared();
    });
}

TEST_CASE("readers behind a timed-out writer go on", "[shared_mutex]") {
    fiber::runtime runtime({.processors = 1});
    runtime.run([] {
        fiber::shared_timed_mutex m;
        m.lock_shared();
        bool wrote = true;
        bool read = false;
        auto const start = std::chrono::steady_clock::now();
        auto writer = go_until_parked([&] { wrote = m.try_lock_for(2ms); });
        auto reader = go_until_parked([&] {
            std::shared_lock lock(m);
            read = true;
        });
        CHECK((!read || std::chrono::steady_clock::now() - start >= 2ms)); // the writer's time may be over
        writer.join();
        reader.join(); // the lock is still shared at this time
        CHECK_FALSE(wrote);
        CHECK(read);
        m.unlock_shared();
        CHECK(m.try_lock());
        m.unlock();
    });
}

TEST_CASE("a timed shared lock without a grant returns after its time", "[shared_mutex]") {
    tests::on_processors([] {
        fiber::shared_timed_mutex m;
        fiber::go([&] { m.lock(); }).join();
        auto const before = std::chrono::steady_clock::now();
        CHECK_FALSE(m.try_lock_shared_for(2ms));
        CHECK(std::chrono::steady_clock::now() - before >= 2ms);
        CHECK_FALSE(m.try_lock_shared_until(before + 3ms));
        CHECK(std::chrono::steady_clock::now() - before >= 3ms);
        CHECK_FALSE(m.try_lock_shared_until(std::chrono::system_clock::now()));
        m.unlock();
        std::shared_lock lock(m, 1h);
        CHECK(lock.owns_lock());
    });
}

TEST_CASE("a reader may unlock on another machine, and for another reader", "[shared_mutex]") {
    tests::on_processors([] {
        fiber::shared_mutex m;
        read_often(m);
        std::vector<fiber::handle> handles;
        for (int i = 0; i < 16; ++i)
            handles.push_back(fiber::go([&] {
                m.lock_shared();
                for (int n = 0; n < 20; ++n)
                    fiber::this_fiber::yield();
            }));
        for (auto& h : handles)
            h.join();
        CHECK_FALSE(m.try_lock());
        for (int i = 0; i < 16; ++i)
            m.unlock_shared();
        CHECK(m.try_lock());
        m.unlock();
    });
}
