// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// corners_test.cpp: corner cases from other test suites, see README.md, for std's classes and for ours.
#include "tests/support/catch.hpp"

#include <fiber/fiber.hpp>

#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <shared_mutex>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

struct standard {
    using thread = std::thread;
    using mutex = std::mutex;
    using condition_variable = std::condition_variable;
    using condition_variable_any = std::condition_variable_any;
    using once_flag = std::once_flag;
    using latch = std::latch;
    using binary_semaphore = std::binary_semaphore;
    template <class F>
    using barrier = std::barrier<F>;
    template <class R>
    using promise = std::promise<R>;
    template <class R>
    using future = std::future<R>;
    template <class R>
    using shared_future = std::shared_future<R>;
    template <class Signature>
    using packaged_task = std::packaged_task<Signature>;
    template <class... Args>
    static void call_once(once_flag& flag, Args&&... args) {
        std::call_once(flag, std::forward<Args>(args)...);
    }
};
struct ours {
    using thread = fiber::thread;
    using mutex = fiber::mutex;
    using timed_mutex = fiber::timed_mutex;
    using shared_timed_mutex = fiber::shared_timed_mutex;
    using condition_variable = fiber::condition_variable;
    using condition_variable_any = fiber::condition_variable_any;
    using once_flag = fiber::once_flag;
    using latch = fiber::latch;
    using binary_semaphore = fiber::binary_semaphore;
    template <class F>
    using barrier = fiber::barrier<F>;
    template <class R>
    using promise = fiber::promise<R>;
    template <class R>
    using future = fiber::future<R>;
    template <class R>
    using shared_future = fiber::shared_future<R>;
    template <class Signature>
    using packaged_task = fiber::packaged_task<Signature>;
    template <class... Args>
    static void call_once(once_flag& flag, Args&&... args) {
        fiber::call_once(flag, std::forward<Args>(args)...);
    }
};

} // namespace

TEMPLATE_TEST_CASE("the stored copy of a function is called as an rvalue", "[conformance]", standard, ours) {
    struct picky {
        int& result;
        void operator()() & { result = 1; }
        void operator()() && { result = 2; }
        void operator()() const& { result = 3; }
    };
    int result = 0;
    picky const callable{result};
    typename TestType::thread t(callable);
    t.join();
    CHECK(result == 2);
}

TEMPLATE_TEST_CASE("a detached thread destroys its function, and may outlive its handle", "[conformance]",
                   standard, ours) {
    auto const alive = std::make_shared<int>(0);
    std::atomic<bool> go_on{false}, ended{false};
    {
        typename TestType::thread t([alive, &go_on, &ended] {
            while (!go_on)
                fiber::this_fiber::yield();
            ended = true;
        });
        t.detach();
        CHECK_FALSE(t.joinable());
        CHECK(t.get_id() == typename TestType::thread::id());
    }
    CHECK(alive.use_count() > 1);
    go_on = true;
    while (alive.use_count() != 1)
        std::this_thread::yield();
    CHECK(ended);
}

// Not for std: ThreadSanitizer does not know the function that std::timed_mutex calls.
TEST_CASE("timed locks with a time in the past take a free lock", "[conformance]") {
    ours::timed_mutex m;
    auto const past = std::chrono::steady_clock::now() - 1h;
    std::unique_lock lock(m, past);
    CHECK(lock.owns_lock());
    lock.unlock();
    CHECK(lock.try_lock_for(-1s));
    ours::shared_timed_mutex s;
    std::shared_lock first(s, past), second(s, 0s);
    CHECK(first.owns_lock());
    CHECK(second.owns_lock());
    CHECK_FALSE(s.try_lock());
}

TEMPLATE_TEST_CASE("a wait with a true predicate returns at once, whatever the limit", "[conformance]",
                   standard, ours) {
    typename TestType::mutex m;
    typename TestType::condition_variable cv;
    std::unique_lock lock(m);
    int calls = 0;
    auto const holds = [&] { return ++calls > 0; };
    cv.wait(lock, holds);
    CHECK(cv.wait_for(lock, -1h, holds));
    CHECK(cv.wait_until(lock, std::chrono::steady_clock::time_point::min(), holds));
    CHECK(calls == 3);
    CHECK(lock.owns_lock());
    typename TestType::condition_variable_any any;
    CHECK(any.wait_for(lock, 0s, holds));
    std::stop_source source;
    source.request_stop();
    CHECK(any.wait(lock, source.get_token(), holds));
    CHECK_FALSE(any.wait(lock, source.get_token(), [] { return false; }));
    CHECK(calls == 5);
}

TEMPLATE_TEST_CASE("a throwing predicate leaves the lock held", "[conformance]", standard, ours) {
    typename TestType::mutex m;
    typename TestType::condition_variable cv;
    typename TestType::condition_variable_any any;
    std::unique_lock lock(m);
    auto const throws = []() -> bool { throw 1; };
    CHECK_THROWS_AS(cv.wait(lock, throws), int);
    CHECK_THROWS_AS(cv.wait_for(lock, 1h, throws), int);
    CHECK_THROWS_AS(any.wait(lock, throws), int);
    CHECK_THROWS_AS(any.wait(lock, std::stop_token(), throws), int);
    CHECK(lock.owns_lock());
}

TEMPLATE_TEST_CASE("call_once may be nested on different flags", "[conformance]", standard, ours) {
    typename TestType::once_flag outer, inner;
    int calls = 0;
    auto const both = [&] {
        TestType::call_once(outer, [&] {
            ++calls;
            TestType::call_once(inner, [&] { ++calls; });
        });
    };
    both();
    TestType::call_once(inner, [&] { ++calls; });
    both();
    CHECK(calls == 2);
}

TEMPLATE_TEST_CASE("a latch of zero is open, and a count by zero does nothing", "[conformance]", standard,
                   ours) {
    typename TestType::latch open(0);
    CHECK(open.try_wait());
    open.wait();
    open.arrive_and_wait(0);
    typename TestType::latch closed(2);
    closed.count_down(0);
    CHECK_FALSE(closed.try_wait());
    closed.count_down(2);
    CHECK(closed.try_wait());
}

TEMPLATE_TEST_CASE("a barrier's completion runs once in a phase, after all arrivals", "[conformance]",
                   standard, ours) {
    int phases = 0;
    auto const completion = [&]() noexcept { ++phases; };
    typename TestType::template barrier<decltype(completion)> both(2, completion);
    auto token = both.arrive();
    CHECK(phases == 0);
    typename TestType::thread other([&] { both.arrive_and_wait(); });
    both.wait(std::move(token));
    CHECK(phases == 1);
    other.join();
    both.arrive_and_drop();
    both.arrive_and_wait();
    CHECK(phases == 2);
}

TEMPLATE_TEST_CASE("a thread without a permit may release permits of a semaphore", "[conformance]", standard,
                   ours) {
    typename TestType::binary_semaphore s(0);
    typename TestType::thread other([&] { s.release(); });
    CHECK(s.try_acquire_for(1h));
    other.join();
    CHECK_FALSE(s.try_acquire_until(std::chrono::steady_clock::now()));
}

TEMPLATE_TEST_CASE("moves and swaps of a promise keep its state", "[conformance]", standard, ours) {
    using promise = typename TestType::template promise<std::unique_ptr<int>>;
    promise a, b;
    auto of_a = a.get_future(), of_b = b.get_future();
    a.swap(b);
    a.set_value(std::make_unique<int>(2));
    promise const moved = std::move(b);
    b = promise();
    CHECK(*of_b.get() == 2);
    CHECK_FALSE(of_b.valid());
    CHECK(of_a.wait_for(0s) == std::future_status::timeout);
    CHECK(b.get_future().valid());
}

TEMPLATE_TEST_CASE("a shared_future of a reference or of void may be read repeatedly", "[conformance]",
                   standard, ours) {
    int referred = 1;
    typename TestType::template promise<int&> of_reference;
    typename TestType::template shared_future<int&> const reference = of_reference.get_future();
    of_reference.set_value(referred);
    CHECK(&reference.get() == &referred);
    CHECK(&reference.get() == &referred);
    typename TestType::template promise<void> of_void;
    auto const nothing = of_void.get_future().share();
    auto const copy = nothing;
    of_void.set_exception(std::make_exception_ptr(7));
    CHECK_THROWS_AS(nothing.get(), int);
    CHECK_THROWS_AS(copy.get(), int);
    CHECK(copy.valid());
}

TEMPLATE_TEST_CASE("a packaged_task accepts members, and reset breaks the old promise", "[conformance]",
                   standard, ours) {
    struct counter {
        std::intptr_t n =
            3; // as large as a pointer: else g++ 12 takes a member function for a virtual one, and warns
        int add(int m) const { return static_cast<int>(n) + m; }
    };
    typename TestType::template packaged_task<int(counter const&, int)> task(&counter::add);
    auto broken = task.get_future();
    task.reset();
    CHECK_THROWS_AS(broken.get(), std::future_error);
    auto sum = task.get_future();
    task(counter{}, 4);
    CHECK(sum.get() == 7);
    CHECK_THROWS_AS(task(counter{}, 4), std::future_error);
    task.reset();
    auto again = task.get_future();
    task(counter{1}, 1);
    CHECK(again.get() == 2);
}
