// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stop_wait_test.cpp: a stop request ends waits for a mutex, a semaphore, a wait_group.
#include "tests/support/catch.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/procs.hpp"
#include "tests/sync/stoppable.hpp"

#include <fiber/condition_variable.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>
#include <fiber/stop_token.hpp>

#include <atomic>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

static_assert(noexcept(std::declval<fiber::mutex&>().lock(std::declval<std::stop_token>())));
static_assert(noexcept(std::declval<fiber::wait_group&>().wait(std::declval<std::stop_token>())));

namespace {

// Runs f in a fiber, with few and many processors, and in an OS thread.
template <class F>
void in_either(F const& f) {
    SECTION("in a fiber") { tests::on_processors(f); }
    SECTION("in an OS thread") { std::thread(f).join(); }
}

} // namespace

TEMPLATE_TEST_CASE("an operation without a wait succeeds after a stop", "[stop_wait]", STOPPABLES) {
    in_either([] {
        TestType object;
        fiber::stop_source source;
        source.request_stop();
        object.provide();
        CHECK(object.wait(source.get_token()));
        CHECK_FALSE(object.take());
    });
}

TEMPLATE_TEST_CASE("a wait after a stop returns at once, and takes nothing", "[stop_wait]", STOPPABLES) {
    fiber::runtime alone({.processors = 1});
    alone.run([&] {
        TestType object;
        fiber::stop_source source;
        source.request_stop();
        auto const before = alone.stats().switches;
        for (int i = 0; i < 100; ++i)
            CHECK_FALSE(object.wait(source.get_token()));
        CHECK(alone.stats().switches == before);
        object.provide();
        CHECK(object.take());
    });
}

TEMPLATE_TEST_CASE("a stop ends the wait of a parked fiber and of an OS thread", "[stop_wait]", STOPPABLES) {
    tests::for_each_mix([](tests::mix const& mix) {
        TestType object;
        fiber::stop_source source;
        std::atomic<int> waiting{0};
        tests::expect expect;
        std::thread stopper([&] {
            while (waiting != mix.size())
                std::this_thread::yield();
            source.request_stop();
        });
        tests::run_concurrently(mix, [&](int) {
            ++waiting;
            expect(!object.wait(source.get_token()), "stopped");
        });
        stopper.join();
        CHECK_FALSE(object.take());
        object.provide();
        CHECK(object.take());
    });
}

TEMPLATE_TEST_CASE("a stop ends one parked fiber's wait, and not the next one in the queue", "[stop_wait]",
                   STOPPABLES) {
    fiber::runtime runtime({.processors = 1});
    runtime.run([] {
        TestType object;
        fiber::stop_source source, other;
        std::vector<char> order;
        fiber::handle stopped = fiber::go([&] {
            CHECK_FALSE(object.wait(source.get_token()));
            order.push_back('s');
        });
        fiber::this_fiber::yield(); // the fiber has the only processor until it parks
        fiber::handle patient = fiber::go([&] {
            CHECK(object.wait(other.get_token()));
            order.push_back('p');
        });
        fiber::this_fiber::yield();
        source.request_stop();
        CHECK(order.empty()); // the requester goes on
        stopped.join();
        CHECK(order == std::vector<char>{'s'});
        object.provide();
        patient.join();
        CHECK(order == std::vector<char>{'s', 'p'});
        other.request_stop();
        CHECK_FALSE(object.take());
    });
}

// Returns the result of wait() in a fiber that is parked before act(object, source), and runs after it.
template <class Object, class Act>
bool waits_beside(Object& object, Act const& act) {
    bool got = false;
    fiber::runtime runtime({.processors = 1});
    runtime.run([&] {
        fiber::stop_source source;
        fiber::handle waiter = fiber::go([&] { got = object.wait(source.get_token()); });
        fiber::this_fiber::yield();
        act(object, source);
        waiter.join();
    });
    return got;
}

TEMPLATE_TEST_CASE("a wake wins against a later stop", "[stop_wait]", STOPPABLES) {
    TestType object;
    CHECK(waits_beside(object, [](TestType& it, fiber::stop_source& source) {
        it.provide();
        source.request_stop();
    }));
    CHECK_FALSE(object.take());
}

TEMPLATE_TEST_CASE("a stop or a later wake wins, and nothing is lost", "[stop_wait]", STOPPABLES) {
    TestType object;
    bool const got = waits_beside(object, [](TestType& it, fiber::stop_source& source) {
        source.request_stop();
        it.provide();
    });
    CHECK(object.take() == !got); // if the wait returned true, it took the thing
}

TEMPLATE_TEST_CASE("a wait without a stop source is a plain wait", "[stop_wait]", STOPPABLES) {
    in_either([] {
        std::stop_token last;
        {
            std::stop_source const source;
            last = source.get_token();
        }
        for (std::stop_token const& token : {std::stop_token(), last}) {
            TestType object;
            std::atomic<bool> got{false};
            fiber::handle waiter = fiber::go([&] { got = object.wait(token); });
            object.provide();
            waiter.join();
            CHECK(got);
            CHECK_FALSE(object.take());
        }
    });
}

TEMPLATE_TEST_CASE("one agent is stopped repeatedly, with other waits in between", "[stop_wait]",
                   STOPPABLES) {
    tests::for_each_mix([](tests::mix const& mix) {
        TestType object;
        tests::expect expect;
        tests::run_concurrently(mix, [&](int) {
            for (int i = 0; i < 50; ++i) {
                fiber::stop_source source;
                fiber::handle stopper = fiber::go([source] { source.request_stop(); });
                expect(!object.wait(source.get_token()), "stopped");
                fiber::this_fiber::sleep_for(std::chrono::microseconds(1));
                stopper.join();
            }
        });
        object.provide();
        CHECK(object.take());
    });
}

// The requester may hold a lock that the waiter needs next. Therefore the callback takes no lock,
// and does not wait for the waiter.
TEST_CASE("the owner of a mutex stops a waiter", "[stop_wait]") {
    tests::on_processors([] {
        fiber::mutex m;
        fiber::stop_source source;
        m.lock();
        fiber::handle waiter = fiber::go([&] { CHECK_FALSE(m.lock(source.get_token())); });
        fiber::this_fiber::yield();
        source.request_stop();
        waiter.join();
        m.unlock();
        CHECK(m.try_lock());
        m.unlock();
    });
}

TEST_CASE("one stop ends waits on different objects, beside waiting callbacks", "[stop_wait]") {
    tests::on_processors([] {
        tests::stoppable_mutex mutex;
        tests::stoppable_semaphore semaphore;
        tests::stoppable_weighted_semaphore weighted;
        tests::stoppable_wait_group group;
        fiber::stop_source source;
        auto const token = source.get_token();
        std::atomic<int> stopped{0};
        std::vector<fiber::handle> waiters;
        auto const start = [&](auto& object) {
            waiters.push_back(fiber::go([&] { stopped += !object.wait(token); }));
        };
        start(mutex);
        start(semaphore);
        fiber::this_fiber::yield();
        std::stop_callback const waits(token, [] { fiber::this_fiber::yield(); });
        start(weighted);
        start(group);
        fiber::this_fiber::yield();
        source.request_stop();
        for (auto& h : waiters)
            h.join();
        CHECK(stopped == 4);
    });
}
