// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// polling_test.cpp: a timed operation with a zero duration or a past deadline does not wait.
#include "tests/support/catch.hpp"
#include "tests/support/no_wait.hpp"

#include <fiber/future.hpp>
#include <fiber/go.hpp>
#include <fiber/mutex.hpp>
#include <fiber/semaphore.hpp>
#include <fiber/shared_mutex.hpp>
#include <fiber/wait_group.hpp>

#include <chrono>
#include <thread>

namespace {

constexpr std::chrono::seconds in_the_past(-1);
constexpr std::chrono::steady_clock::time_point long_ago = std::chrono::steady_clock::time_point::min();

} // namespace

TEMPLATE_TEST_CASE("a lock without time does not wait for another owner", "[polling]", fiber::timed_mutex,
                   fiber::recursive_timed_mutex, fiber::shared_timed_mutex) {
    TestType m;
    m.lock(); // other agents try to lock it
    tests::no_time([&](auto d) { CHECK_FALSE(m.try_lock_for(d)); },
                   [&](auto t) { CHECK_FALSE(m.try_lock_until(t)); });
    m.unlock();
    CHECK(m.try_lock_for(in_the_past));
    m.unlock();
    CHECK(m.try_lock_until(long_ago));
    m.unlock();
}

TEST_CASE("a shared or exclusive lock without time does not wait", "[polling]") {
    fiber::shared_timed_mutex m;
    m.lock_shared();
    tests::no_time([&](auto d) { CHECK_FALSE(m.try_lock_for(d)); },
                   [&](auto t) { CHECK_FALSE(m.try_lock_until(t)); });
    CHECK(m.try_lock_shared_for(in_the_past));
    CHECK(m.try_lock_shared_until(long_ago));
    m.unlock_shared();
    m.unlock_shared();
    m.unlock_shared();
    m.lock();
    tests::no_time([&](auto d) { CHECK_FALSE(m.try_lock_shared_for(d)); },
                   [&](auto t) { CHECK_FALSE(m.try_lock_shared_until(t)); });
    m.unlock();
}

TEST_CASE("the owner locks a recursive mutex again without time", "[polling]") {
    fiber::recursive_timed_mutex m;
    tests::no_time(
        [&](auto d) {
            m.lock();
            CHECK(m.try_lock_for(d));
            m.unlock();
            m.unlock();
        },
        [&](auto t) {
            m.lock();
            CHECK(m.try_lock_until(t));
            m.unlock();
            m.unlock();
        });
}

TEST_CASE("an acquire without time takes a free permit", "[polling]") {
    fiber::counting_semaphore<> s(0);
    tests::no_time([&](auto d) { CHECK_FALSE(s.try_acquire_for(d)); },
                   [&](auto t) { CHECK_FALSE(s.try_acquire_until(t)); });
    s.release(2);
    CHECK(s.try_acquire_for(in_the_past));
    CHECK(s.try_acquire_until(long_ago));
    CHECK_FALSE(s.try_acquire());
}

TEST_CASE("a wait without time returns the status of a future", "[polling]") {
    using fiber::future_status;
    fiber::promise<int> promise;
    auto const future = promise.get_future();
    auto const deferred = fiber::async(fiber::launch::deferred, [] { return 1; });
    tests::no_time(
        [&](auto d) {
            CHECK(future.wait_for(d) == future_status::timeout);
            CHECK(deferred.wait_for(d) == future_status::deferred);
        },
        [&](auto t) {
            CHECK(future.wait_until(t) == future_status::timeout);
            CHECK(deferred.wait_until(t) == future_status::deferred);
        });
    promise.set_value(1);
    CHECK(future.wait_for(in_the_past) == future_status::ready);
    CHECK(future.wait_until(long_ago) == future_status::ready);
}

TEST_CASE("a wait without time tells whether a wait_group is zero", "[polling]") {
    fiber::wait_group group;
    group.add();
    tests::no_time([&](auto d) { CHECK_FALSE(group.wait_for(d)); }, [](auto) {});
    group.done();
    CHECK(group.wait_for(in_the_past));
}

TEST_CASE("a join without time tells whether a fiber has ended", "[polling]") {
    fiber::binary_semaphore go_on(0);
    fiber::handle h = fiber::go([&] { go_on.acquire(); });
    tests::no_time([&](auto d) { CHECK_FALSE(h.join_for(d)); },
                   [&](auto t) { CHECK_FALSE(h.join_until(t)); });
    CHECK(h.joinable());
    go_on.release();
    while (!h.join_until(long_ago))
        std::this_thread::yield();
    CHECK_FALSE(h.joinable());
    h = fiber::go([] {});
    while (!h.join_for(in_the_past))
        std::this_thread::yield();
    CHECK_FALSE(h.joinable());
}
