// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// timed_mutex_test.cpp: tests the timed and the recursive mutexes.

#include "tests/support/catch.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/procs.hpp"

#include <fiber/go.hpp>
#include <fiber/mutex.hpp>
#include <fiber/shared_mutex.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;

#define TIMED_MUTEXES fiber::timed_mutex, fiber::recursive_timed_mutex, fiber::shared_timed_mutex

namespace {

constinit fiber::timed_mutex constant_timed;
constinit fiber::recursive_mutex constant_recursive;
constinit fiber::recursive_timed_mutex constant_recursive_timed;

static_assert(!std::is_copy_constructible_v<fiber::timed_mutex>);
static_assert(!std::is_copy_constructible_v<fiber::recursive_mutex>);
static_assert(!std::is_copy_constructible_v<fiber::recursive_timed_mutex>);
static_assert(sizeof(fiber::timed_mutex) <= 16);

// Returns true if another fiber can lock m.
template <class Mutex>
bool is_free(Mutex& m) {
    bool got = false;
    fiber::go([&] {
        got = m.try_lock();
        if (got)
            m.unlock();
    }).join();
    return got;
}

} // namespace

TEST_CASE("mutexes of static storage are usable without any initialisation", "[mutex]") {
    std::scoped_lock all(constant_timed, constant_recursive, constant_recursive_timed);
    CHECK_FALSE(is_free(constant_timed));
    CHECK_FALSE(is_free(constant_recursive));
    CHECK_FALSE(is_free(constant_recursive_timed));
}

TEMPLATE_TEST_CASE("a timed lock without a grant returns after its time", "[timed_mutex]", TIMED_MUTEXES) {
    auto const timed = [] {
        TestType m;
        std::atomic<bool> let_go{false};
        fiber::handle owner = fiber::go([&] {
            m.lock();
            while (!let_go)
                fiber::this_fiber::sleep_for(1ms);
            m.unlock();
        });
        while (is_free(m))
            fiber::this_fiber::yield();
        auto const before = std::chrono::steady_clock::now();
        CHECK_FALSE(m.try_lock_for(2ms));
        CHECK(std::chrono::steady_clock::now() - before >= 2ms);
        CHECK_FALSE(m.try_lock_until(before + 3ms));
        CHECK(std::chrono::steady_clock::now() - before >= 3ms);
        CHECK_FALSE(m.try_lock_until(std::chrono::system_clock::now() + 1ms));
        CHECK_FALSE(m.try_lock_for(-1h));
        let_go = true;
        CHECK(m.try_lock_for(1h));
        CHECK_FALSE(is_free(m));
        m.unlock();
        CHECK(m.try_lock_until(std::chrono::steady_clock::time_point()));
        m.unlock();
        owner.join();
        CHECK(is_free(m));
    };
    SECTION("in a fiber") { tests::on_processors(timed); }
    SECTION("in an OS thread") { timed(); }
}

TEMPLATE_TEST_CASE("a timed mutex has one owner at a time", "[timed_mutex]", TIMED_MUTEXES) {
    tests::for_each_mix([](tests::mix const& mix) {
        TestType m;
        int count = 0;
        tests::run_concurrently(mix, [&](int task) {
            for (int i = 0; i < 300; ++i) {
                if (task % 2 == 0)
                    m.lock();
                else
                    while (!m.try_lock_for(std::chrono::microseconds(i)))
                        fiber::this_fiber::yield();
                int const seen = count;
                if (i % 16 == 0)
                    fiber::this_fiber::yield();
                count = seen + 1;
                m.unlock();
            }
        });
        CHECK(count == mix.size() * 300);
    });
}

TEMPLATE_TEST_CASE("timed-out waiters do not keep a mutex from other agents", "[timed_mutex]",
                   TIMED_MUTEXES) {
    tests::on_processors([] {
        TestType m;
        m.lock();
        std::vector<fiber::handle> impatient;
        for (int i = 0; i < 4; ++i)
            impatient.push_back(fiber::go([&] {
                if (m.try_lock_for(500us))
                    m.unlock();
            }));
        auto patient = fiber::go([&] {
            m.lock();
            m.unlock();
        });
        for (auto& h : impatient)
            h.join();
        m.unlock();
        patient.join();
        CHECK(is_free(m));
    });
}

TEMPLATE_TEST_CASE("a recursive mutex is free after one unlock for each lock", "[recursive_mutex]",
                   fiber::recursive_mutex, fiber::recursive_timed_mutex) {
    tests::on_processors([] {
        TestType m;
        m.lock();
        std::unique_lock second(m);
        CHECK(m.try_lock());
        CHECK_FALSE(is_free(m));
        m.unlock();
        second.unlock();
        CHECK_FALSE(is_free(m));
        m.unlock();
        CHECK(is_free(m));
    });
}

TEST_CASE("the owner of a recursive timed mutex locks again at once", "[recursive_mutex]") {
    fiber::recursive_timed_mutex m;
    m.lock();
    CHECK(m.try_lock_for(0s));
    CHECK(m.try_lock_until(std::chrono::steady_clock::time_point()));
    m.unlock();
    m.unlock();
    m.unlock();
    CHECK(is_free(m));
}

TEMPLATE_TEST_CASE("a recursive mutex knows its owner on any machine", "[recursive_mutex]",
                   fiber::recursive_mutex, fiber::recursive_timed_mutex) {
    tests::for_each_mix([](tests::mix const& mix) {
        TestType m;
        int count = 0;
        tests::run_concurrently(mix, [&](int) {
            for (int i = 0; i < 200; ++i) {
                m.lock();
                int const seen = count;
                fiber::this_fiber::yield();
                m.lock();
                count = seen + 1;
                m.unlock();
                m.unlock();
            }
        });
        CHECK(count == mix.size() * 200);
    });
}
