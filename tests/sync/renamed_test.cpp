// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What a program finds after std:: has been replaced by fiber::, to the corners.
#include "tests/support/catch.hpp"
#include "tests/support/expect.hpp"

#include <fiber/fiber.hpp>

#include <chrono>
#include <cstdint>
#include <future>
#include <limits>
#include <mutex>
#include <shared_mutex>
#include <sys/resource.h>
#include <thread>
#include <type_traits>

using namespace std::chrono_literals;

namespace {

static_assert(std::is_same_v<fiber::launch, std::launch>);
static_assert(std::is_same_v<fiber::cv_status, std::cv_status>);
static_assert(std::is_same_v<fiber::future_status, std::future_status>);
static_assert(std::is_same_v<fiber::lock_guard<fiber::mutex>, std::lock_guard<fiber::mutex>>);
static_assert(std::is_same_v<fiber::unique_lock<fiber::mutex>, std::unique_lock<fiber::mutex>>);
static_assert(std::is_same_v<fiber::scoped_lock<fiber::mutex>, std::scoped_lock<fiber::mutex>>);
static_assert(std::is_same_v<fiber::shared_lock<fiber::shared_mutex>, std::shared_lock<fiber::shared_mutex>>);
static_assert(std::is_same_v<fiber::defer_lock_t, std::defer_lock_t>);
static_assert(std::is_same_v<fiber::try_to_lock_t, std::try_to_lock_t>);
static_assert(std::is_same_v<fiber::adopt_lock_t, std::adopt_lock_t>);

// Comparisons of ids are found without an id among the arguments, as std's are.
struct has_id {
    fiber::id of;
    constexpr operator fiber::id() const { return of; }
};
static_assert(fiber::operator==(fiber::id(), has_id()));
static_assert(fiber::operator<=>(has_id(), has_id()) == 0);

static_assert(fiber::counting_semaphore<PTRDIFF_MAX>::max() == PTRDIFF_MAX);

struct volatile_callable {
    int operator()(char) volatile { return 1; }
};
struct const_volatile_callable {
    int operator()(char) const volatile noexcept { return 1; }
};
struct volatile_reference_callable {
    int operator()(char) volatile& { return 1; }
};
template <class F>
using deduced = decltype(fiber::packaged_task(std::declval<F>()));
static_assert(std::is_same_v<deduced<volatile_callable>, fiber::packaged_task<int(char)>>);
static_assert(std::is_same_v<deduced<const_volatile_callable>, fiber::packaged_task<int(char)>>);
static_assert(std::is_same_v<deduced<volatile_reference_callable>, fiber::packaged_task<int(char)>>);

// In a fiber that is alone on its processor, and in an OS thread. F: no way to give up either, however often it is called.
template <class F>
void without_wait(F const& f) {
    constexpr int often = 200;
    fiber::runtime alone({.processors = 1});
    alone.run([&] {
        auto const before = alone.stats().switches;
        for (int i = 0; i < often; ++i)
            f();
        CHECK(alone.stats().switches == before);
    });
    std::thread([&] {
        auto const sleeps = [] {
            rusage so_far{};
            ::getrusage(RUSAGE_THREAD, &so_far);
            return so_far.ru_nvcsw;
        };
        auto const before = sleeps();
        for (int i = 0; i < often; ++i)
            f();
        CHECK(sleeps() - before < often / 10);
    }).join();
}

// No time to wait: for those that take a duration, and for those that take a time point.
template <class For, class Until>
void no_time(For const& wait_for, Until const& wait_until) {
    without_wait([&] {
        wait_for(0s);
        wait_for(-1h);
        wait_for(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN()));
        wait_until(std::chrono::steady_clock::now());
        wait_until(std::chrono::steady_clock::time_point::min());
        wait_until(std::chrono::system_clock::now() - 1h);
    });
}

} // namespace

TEST_CASE("std's locks and policies are found under the library's name", "[renamed]") {
    fiber::mutex a, b;
    fiber::lock(a, b);
    {
        fiber::lock_guard const of_a(a, fiber::adopt_lock);
        fiber::lock_guard const of_b(b, fiber::adopt_lock);
        fiber::unique_lock<fiber::mutex> const fails(a, fiber::try_to_lock);
        CHECK_FALSE(fails.owns_lock());
    }
    fiber::unique_lock<fiber::mutex> later(a, fiber::defer_lock);
    CHECK(fiber::try_lock(later, b) == -1);
    b.unlock();
    CHECK(fiber::async(std::launch::async, [] { return 1; }).get() == 1);
    CHECK(fiber::async(std::launch::deferred, [] { return 2; }).get() == 2);
    CHECK(fiber::async(std::launch::async | std::launch::deferred, [] { return 3; }).get() == 3);
}

TEST_CASE("a semaphore counts to the end of its type", "[semaphore]") {
    fiber::counting_semaphore<PTRDIFF_MAX> s(PTRDIFF_MAX);
    s.acquire();
    CHECK(s.try_acquire());
    s.release(2);
    fiber::counting_semaphore<PTRDIFF_MAX> none(0);
    none.release(PTRDIFF_MAX);
    CHECK(none.try_acquire());
}

TEST_CASE("a wait without time is but a look", "[polling]") {
    fiber::timed_mutex timed;
    fiber::shared_timed_mutex shared, read;
    std::thread([&] { // another party than those that try
        timed.lock();
        shared.lock();
        read.lock_shared();
    })
        .join();
    fiber::counting_semaphore<> semaphore(0);
    fiber::promise<int> promise;
    auto const future = promise.get_future();
    fiber::wait_group group;
    group.add();
    SECTION("timed_mutex") {
        no_time([&](auto d) { CHECK_FALSE(timed.try_lock_for(d)); },
                [&](auto t) { CHECK_FALSE(timed.try_lock_until(t)); });
    }
    SECTION("shared_timed_mutex") {
        no_time([&](auto d) { CHECK_FALSE(shared.try_lock_for(d)); },
                [&](auto t) { CHECK_FALSE(shared.try_lock_until(t)); });
        no_time([&](auto d) { CHECK_FALSE(shared.try_lock_shared_for(d)); },
                [&](auto t) { CHECK_FALSE(shared.try_lock_shared_until(t)); });
        no_time([&](auto d) { CHECK_FALSE(read.try_lock_for(d)); },
                [&](auto t) { CHECK_FALSE(read.try_lock_until(t)); });
    }
    SECTION("semaphore") {
        no_time([&](auto d) { CHECK_FALSE(semaphore.try_acquire_for(d)); },
                [&](auto t) { CHECK_FALSE(semaphore.try_acquire_until(t)); });
    }
    SECTION("future") {
        no_time([&](auto d) { CHECK(future.wait_for(d) == fiber::future_status::timeout); },
                [&](auto t) { CHECK(future.wait_until(t) == fiber::future_status::timeout); });
    }
    SECTION("wait_group") {
        no_time([&](auto d) { CHECK_FALSE(group.wait_for(d)); }, [](auto) {});
    }
    group.done();
    semaphore.release();
    promise.set_value(1);
    CHECK(semaphore.try_acquire_for(-1s));
    CHECK(future.wait_for(-1s) == fiber::future_status::ready);
    CHECK(group.wait_for(-1s));
    timed.unlock();
    shared.unlock();
    read.unlock_shared();
    CHECK(timed.try_lock_until(std::chrono::steady_clock::time_point::min()));
    timed.unlock();
}
