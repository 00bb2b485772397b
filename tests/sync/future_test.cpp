// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// future_test.cpp: futures, promises, packaged tasks and async.
#include "tests/support/catch.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/procs.hpp"

#include <fiber/future.hpp>
#include <fiber/go.hpp>
#include <fiber/local.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <memory_resource>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

static_assert(!std::is_copy_constructible_v<fiber::future<int>>);
static_assert(std::is_nothrow_move_constructible_v<fiber::future<int>>);
static_assert(std::is_copy_constructible_v<fiber::shared_future<int>>);
static_assert(!std::is_copy_constructible_v<fiber::promise<int>>);
static_assert(std::is_same_v<decltype(std::declval<fiber::shared_future<int>>().get()), int const&>);
static_assert(std::is_same_v<decltype(std::declval<fiber::shared_future<int&>>().get()), int&>);
static_assert(std::is_same_v<decltype(fiber::packaged_task([](int, char) { return 1L; })),
                             fiber::packaged_task<long(int, char)>>);
static_assert(std::uses_allocator_v<fiber::promise<int>, std::allocator<int>>);

template <class F>
std::future_errc error_of(F f) {
    try {
        f();
    } catch (std::future_error const& e) {
        return static_cast<std::future_errc>(e.code().value());
    }
    FAIL("no future_error");
    return {};
}

} // namespace

TEST_CASE("a future gets the value of its promise, once", "[future]") {
    tests::for_each_mix([](tests::mix const& mix) {
        std::vector<fiber::promise<int>> promises(static_cast<std::size_t>(mix.size()));
        tests::expect expect;
        tests::run_concurrently(mix, [&](int task) {
            auto const me = static_cast<std::size_t>(task);
            promises[(me + 1) % promises.size()].set_value(task);
            auto f = promises[me].get_future();
            expect(f.valid(), "valid before get");
            expect(f.get() == (task + mix.size() - 1) % mix.size(), "the value of the one before");
            expect(!f.valid(), "not valid after get");
        });
    });
}

TEST_CASE("a result may be a movable value, a reference or void", "[future]") {
    fiber::promise<std::unique_ptr<int>> moved;
    auto f = moved.get_future();
    moved.set_value(std::make_unique<int>(3));
    CHECK(*f.get() == 3);

    int variable = 4;
    fiber::promise<int&> referred;
    auto g = referred.get_future();
    referred.set_value(variable);
    CHECK(&g.get() == &variable);

    fiber::promise<void> nothing;
    auto h = nothing.get_future();
    CHECK(h.wait_for(0s) == fiber::future_status::timeout);
    nothing.set_value();
    CHECK(h.wait_for(0s) == fiber::future_status::ready);
    h.get();
}

TEST_CASE("an exception goes through a future", "[future]") {
    fiber::promise<int> p;
    auto f = p.get_future().share();
    p.set_exception(std::make_exception_ptr(std::runtime_error("why")));
    CHECK_THROWS_WITH(f.get(), "why");
    CHECK_THROWS_AS(f.get(), std::runtime_error); // get() throws each time
}

TEST_CASE("futures and promises report misuse as in std", "[future]") {
    using errc = std::future_errc;
    fiber::promise<int> p;
    fiber::future<int> f = p.get_future();
    CHECK(error_of([&] { static_cast<void>(p.get_future()); }) == errc::future_already_retrieved);
    p.set_value(1);
    CHECK(error_of([&] { p.set_value(2); }) == errc::promise_already_satisfied);
    CHECK(error_of([&] { p.set_exception(nullptr); }) == errc::promise_already_satisfied);
    CHECK(error_of([&] { p.set_value_at_thread_exit(2); }) == errc::promise_already_satisfied);
    CHECK(f.get() == 1);
    CHECK(error_of([&] { f.get(); }) == errc::no_state);
    CHECK(error_of([&] { f.wait(); }) == errc::no_state);
    CHECK(error_of([&] { static_cast<void>(f.wait_for(1s)); }) == errc::no_state);
    fiber::promise<int> other = std::move(p);
    CHECK(error_of([&] { p.set_value(2); }) == errc::no_state); // NOLINT(bugprone-use-after-move)
    CHECK(error_of([&] { static_cast<void>(p.get_future()); }) == errc::no_state);

    auto broken = fiber::promise<int>().get_future();
    CHECK(error_of([&] { broken.get(); }) == errc::broken_promise);
    fiber::promise<int> replaced;
    auto g = replaced.get_future();
    replaced = fiber::promise<int>();
    CHECK(error_of([&] { g.get(); }) == errc::broken_promise);
}

TEST_CASE("an exception in the copy of a value leaves the promise unset", "[future]") {
    struct picky {
        explicit picky(bool t) : throws(t) {}
        picky(picky const& other) : throws(other.throws) {
            if (throws)
                throw std::runtime_error("copy");
        }
        bool throws;
    };
    fiber::promise<picky> p;
    auto f = p.get_future();
    picky const bad(true);
    picky const good(false);
    CHECK_THROWS_WITH(p.set_value(bad), "copy");
    CHECK(f.wait_for(0s) == fiber::future_status::timeout);
    p.set_value(good);
    CHECK_FALSE(f.get().throws);
}

TEST_CASE("a timed wait for a future ends at its deadline or with the result", "[future]") {
    tests::on_processors([] {
        fiber::promise<int> p;
        auto f = p.get_future();
        auto const before = std::chrono::steady_clock::now();
        CHECK(f.wait_for(2ms) == fiber::future_status::timeout);
        CHECK(std::chrono::steady_clock::now() - before >= 2ms);
        CHECK(f.wait_until(std::chrono::system_clock::now() + 1ms) == fiber::future_status::timeout);
        auto setter = fiber::go([&] { p.set_value(1); });
        CHECK(f.wait_for(1h) == fiber::future_status::ready);
        CHECK(f.wait_until(before) == fiber::future_status::ready);
        setter.join();
        CHECK(f.get() == 1);
    });
}

TEST_CASE("all copies of a shared_future get the same value", "[future]") {
    tests::for_each_mix([](tests::mix const& mix) {
        fiber::promise<std::string> p;
        fiber::shared_future<std::string> const f = p.get_future();
        std::atomic<int> waiting{0};
        std::thread setter([&] {
            while (waiting != mix.size())
                std::this_thread::yield();
            p.set_value("text");
        });
        std::atomic<std::string const*> seen{nullptr};
        tests::expect expect;
        tests::run_concurrently(mix, [&, f](int task) {
            auto const mine = f;
            ++waiting;
            if (task % 2 == 0)
                mine.wait();
            std::string const* expected = nullptr;
            if (!seen.compare_exchange_strong(expected, &mine.get()))
                expect(expected == &mine.get() && *expected == "text", "one value");
        });
        setter.join();
    });
}

TEST_CASE("a promise takes its memory from an allocator", "[future]") {
    std::pmr::monotonic_buffer_resource memory;
    struct counting : std::pmr::memory_resource {
        std::pmr::memory_resource* from = nullptr;
        int live = 0;
        void* do_allocate(std::size_t n, std::size_t a) override { return ++live, from->allocate(n, a); }
        void do_deallocate(void* p, std::size_t n, std::size_t a) override {
            --live, from->deallocate(p, n, a);
        }
        bool do_is_equal(std::pmr::memory_resource const& o) const noexcept override { return this == &o; }
    } counted;
    counted.from = &memory;
    {
        fiber::promise<int> p(std::allocator_arg, std::pmr::polymorphic_allocator<>(&counted));
        auto f = p.get_future();
        CHECK(counted.live == 1);
        p.set_value(5);
        CHECK(f.get() == 5);
    }
    CHECK(counted.live == 0);
}

TEST_CASE("a packaged_task hands over the result or exception of its function", "[packaged_task]") {
    fiber::packaged_task<int(int)> task([](int n) {
        if (n < 0)
            throw std::runtime_error("negative");
        return 2 * n;
    });
    auto f = task.get_future();
    task(21);
    CHECK(f.get() == 42);
    CHECK(error_of([&] { task(1); }) == std::future_errc::promise_already_satisfied);
    task.reset();
    f = task.get_future();
    fiber::thread(std::move(task), -1).join();
    CHECK_THROWS_WITH(f.get(), "negative");
    CHECK_FALSE(task.valid()); // NOLINT(bugprone-use-after-move)
    CHECK(error_of([&] { task(1); }) == std::future_errc::no_state);

    fiber::future<void> never;
    {
        fiber::packaged_task<void()> dropped([owner = std::make_unique<int>(1)] {});
        never = dropped.get_future();
    }
    CHECK(error_of([&] { never.get(); }) == std::future_errc::broken_promise);
}

TEST_CASE("async runs in a new fiber, and hands over its result or exception", "[async]") {
    auto const calls = [] {
        auto me = fiber::this_fiber::get_id();
        auto f = fiber::async(
            [me](int a, std::string const& s) {
                return fiber::running_in_fiber() && fiber::this_fiber::get_id() != me
                           ? a + static_cast<int>(s.size())
                           : -1;
            },
            40, "ab");
        CHECK(f.get() == 42);
        auto thrown = fiber::async(fiber::launch::async, []() -> int { throw std::runtime_error("inside"); });
        CHECK_THROWS_WITH(thrown.get(), "inside");
        int variable = 0;
        CHECK(&fiber::async([&]() -> int& { return variable; }).get() == &variable);
        CHECK(*fiber::async([p = std::make_unique<int>(9)]() mutable { return std::move(p); }).get() == 9);
        CHECK_THROWS_AS(fiber::async(fiber::launch{}, [] {}), std::invalid_argument);
    };
    SECTION("in a fiber") { tests::on_processors(calls); }
    SECTION("in an OS thread") { calls(); }
}

TEST_CASE("the last future of an async waits for it", "[async]") {
    tests::on_processors([] {
        std::atomic<bool> done{false};
        auto const slow = [&] {
            fiber::this_fiber::sleep_for(1ms);
            done = true;
        };
        static_cast<void>(fiber::async(slow));
        CHECK(done);
        done = false;
        {
            auto first = fiber::async(slow).share();
            auto second = first;
            first = {};
        }
        CHECK(done);
    });
}

TEST_CASE("a deferred function runs in its first waiter, if any", "[async]") {
    int runs = 0;
    auto const count = [&] { return ++runs; };
    static_cast<void>(fiber::async(fiber::launch::deferred, count));
    CHECK(runs == 0);
    auto f = fiber::async(fiber::launch::deferred, count);
    CHECK(f.wait_for(0s) == fiber::future_status::deferred);
    CHECK(f.wait_until(std::chrono::steady_clock::now()) == fiber::future_status::deferred);
    CHECK(runs == 0);
    f.wait();
    CHECK(runs == 1);
    CHECK(f.wait_for(0s) == fiber::future_status::ready);
    CHECK(f.get() == 1);

    tests::for_each_mix([](tests::mix const& mix) {
        std::atomic<int> once{0};
        auto const shared = fiber::async(fiber::launch::deferred, [&] {
                                fiber::this_fiber::yield();
                                return ++once;
                            }).share();
        tests::expect expect;
        tests::run_concurrently(mix, [&, shared](int) { expect(shared.get() == 1, "run once"); });
        CHECK(once == 1);
    });
}

TEST_CASE("at_thread_exit sets a result after the fiber's locals are destroyed", "[future]") {
    struct told {
        std::atomic<bool>* gone;
        ~told() { *gone = true; }
    };
    auto const run = [](auto start) {
        std::atomic<bool> gone{false};
        fiber::local<told> local([&] { return std::unique_ptr<told>(new told{&gone}); });
        fiber::promise<int> value;
        fiber::promise<int&> reference;
        fiber::promise<void> nothing;
        fiber::promise<int> error;
        fiber::packaged_task<int()> task([] { return 2; });
        auto f = value.get_future();
        auto g = nothing.get_future();
        auto h = error.get_future();
        auto i = task.get_future();
        auto j = reference.get_future();
        std::atomic<bool> may_end{false};
        int variable = 0;
        auto owner = start([&] {
            value.set_value_at_thread_exit(1);
            static_cast<void>(local.get());
            nothing.set_value_at_thread_exit();
            error.set_exception_at_thread_exit(std::make_exception_ptr(std::runtime_error("late")));
            reference.set_value_at_thread_exit(variable);
            task.make_ready_at_thread_exit();
            while (!may_end)
                fiber::this_fiber::yield();
        });
        CHECK(f.wait_for(1ms) == fiber::future_status::timeout);
        CHECK(i.wait_for(0s) == fiber::future_status::timeout);
        CHECK_FALSE(gone);
        may_end = true;
        CHECK(f.get() == 1);
        CHECK(gone);
        g.get();
        CHECK_THROWS_WITH(h.get(), "late");
        CHECK(i.get() == 2);
        CHECK(&j.get() == &variable);
        owner.join();
    };
    run([](auto f) { return fiber::thread(f); });
    run([](auto f) { return std::thread(f); });
}

TEST_CASE("an async is ready after the fiber's locals are destroyed", "[async]") {
    struct told {
        std::atomic<bool>* gone;
        ~told() {
            fiber::this_fiber::sleep_for(1ms);
            *gone = true;
        }
    };
    std::atomic<bool> gone{false};
    fiber::local<told> local([&] { return std::unique_ptr<told>(new told{&gone}); });
    auto f = fiber::async([&] { return local.get().gone == &gone; });
    f.wait();
    CHECK(gone);
    CHECK(f.get());
}

TEST_CASE("a promise may be destroyed once its future is ready", "[future]") {
    for (int i = 0; i < 500; ++i) {
        auto p = std::make_unique<fiber::promise<int>>();
        auto f = p->get_future();
        auto setter = fiber::go([&promise = *p] { promise.set_value(1); });
        CHECK(f.get() == 1);
        p.reset();
        setter.join();
    }
}

TEST_CASE("async takes attributes first, braced or not, with and without a policy", "[future]") {
    auto const name = [] { return std::string(fiber::this_fiber::name()); };
    CHECK(fiber::async({.name = "sum"}, name).get() == "sum");
    CHECK(fiber::async({.name = "sum"}, fiber::launch::async, name).get() == "sum");
    fiber::attributes const how{.name = "other", .stack_size = 64 * 1024};
    CHECK(fiber::async(
              how, [](int a, int b) { return a + b; }, 1, 2)
              .get() == 3);
    CHECK(fiber::async(how, fiber::launch::async | fiber::launch::deferred, name).get() == "other");
    fiber::run([&] {
        auto const caller = fiber::this_fiber::get_id();
        auto later = fiber::async({.name = "unused"}, fiber::launch::deferred, fiber::this_fiber::get_id);
        CHECK(later.get() == caller);
    });
    CHECK_THROWS_AS(fiber::async({.stack_size = 1}, name), std::invalid_argument);
}
