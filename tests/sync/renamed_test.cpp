// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// renamed_test.cpp: a program still compiles and works after std:: has been replaced by fiber::.
#include "tests/support/catch.hpp"

#include <fiber/fiber.hpp>

#include <cstdint>
#include <future>
#include <limits>
#include <mutex>
#include <shared_mutex>
#include <type_traits>

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

// The comparisons of ids are functions of namespace fiber and no hidden friends, as in std. Therefore a
// qualified call also finds them for types that only convert to an id.
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
