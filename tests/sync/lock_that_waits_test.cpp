// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lock_that_waits_test.cpp: condition_variable_any with locks that wait in unlock().
#include "tests/support/catch.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"

#include <fiber/fiber.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

using namespace std::chrono_literals;

namespace {

// unlock() frees the mutex, releases `unlocked`, and waits for `may_return`. The wait is timed, so
// several agents may end it.
struct gated_lock {
    fiber::mutex mutex;
    fiber::binary_semaphore unlocked{0}, may_return{0};
    bool gated = true;

    void lock() { mutex.lock(); }
    void unlock() {
        bool const wait = std::exchange(gated, false);
        mutex.unlock();
        if (!wait)
            return;
        unlocked.release();
        if (!may_return.try_acquire_for(1h))
            std::terminate();
    }
};

// lock() sends a token and unlock() receives it. Both use a select.
struct lock_by_select {
    fiber::chan<int> token{1};
    void lock() {
        fiber::select(fiber::on_send(token, 1, [] {}), fiber::on_timeout(1h, [] { std::terminate(); }));
    }
    void unlock() {
        fiber::chan<int> const rendezvous;
        fiber::handle partner = fiber::go([=] { rendezvous.send(1); });
        fiber::select(fiber::on_recv(rendezvous, [](auto) {}),
                      fiber::on_timeout(1h, [] { std::terminate(); }));
        partner.join();
        token.recv();
    }
};

struct lock_by_timed_mutex {
    fiber::timed_mutex inner;
    bool held = false;
    fiber::condition_variable_any free;
    void lock() {
        std::unique_lock hold(inner);
        free.wait(hold, [this] { return !held; });
        held = true;
    }
    void unlock() {
        std::unique_lock hold(inner, 1h);
        held = false;
        free.notify_one();
    }
};

struct lock_that_sleeps {
    fiber::mutex inner;
    void lock() { inner.lock(); }
    void unlock() {
        inner.unlock();
        fiber::this_fiber::sleep_for(1us);
    }
};

// Runs f in a fiber, and in an OS thread.
template <class F>
void in_either(F const& f) {
    fiber::run(f);
    std::thread(f).join();
}

} // namespace

TEMPLATE_TEST_CASE("fibers pass a token around under a lock with a waiting unlock",
                   "[condition_variable_any]", lock_by_select, lock_by_timed_mutex, lock_that_sleeps) {
    tests::for_each_mix([](tests::mix const& mix) {
        constexpr int rounds = 10;
        TestType lock;
        fiber::condition_variable_any cv;
        int turn = 0;
        tests::run_concurrently(mix, [&](int task) {
            for (int i = 0; i < rounds; ++i) {
                std::unique_lock hold(lock);
                cv.wait(lock, [&] { return turn % mix.size() == task; });
                ++turn;
                cv.notify_all();
            }
        });
        CHECK(turn == mix.size() * rounds);
    });
}

TEMPLATE_TEST_CASE("a deadline ends a wait under a lock with a waiting unlock", "[condition_variable_any]",
                   lock_by_select, lock_by_timed_mutex, lock_that_sleeps) {
    tests::expect expect;
    in_either([&] {
        TestType lock;
        fiber::condition_variable_any cv;
        std::unique_lock hold(lock);
        expect(cv.wait_for(lock, 1ms) == std::cv_status::timeout, "wait_for");
        expect(cv.wait_until(lock, std::chrono::system_clock::now() + 1ms) == std::cv_status::timeout,
               "wait_until");
        expect(!cv.wait_for(lock, 1ms, [] { return false; }), "with a predicate");
    });
}

TEST_CASE("a notification during the unlock ends the wait", "[condition_variable_any]") {
    tests::expect expect;
    in_either([&] {
        for (bool const all : {false, true}) {
            gated_lock lock;
            fiber::condition_variable_any cv;
            fiber::handle waiter = fiber::go([&] {
                std::unique_lock hold(lock);
                cv.wait(lock);
            });
            lock.unlocked.acquire();
            all ? cv.notify_all() : cv.notify_one();
            lock.may_return.release();
            waiter.join();
        }
        gated_lock lock;
        fiber::condition_variable_any cv;
        fiber::handle waiter = fiber::go([&] {
            std::unique_lock hold(lock);
            expect(cv.wait_for(lock, 0s) == std::cv_status::no_timeout, "before the deadline was looked at");
        });
        lock.unlocked.acquire();
        cv.notify_one();
        lock.may_return.release();
        waiter.join();
    });
}

TEST_CASE("notify_one wakes one waiter, also during its unlock", "[condition_variable_any]") {
    tests::expect expect;
    in_either([&] {
        gated_lock first, second;
        fiber::condition_variable_any cv;
        fiber::counting_semaphore<> woken(0);
        auto const wait = [&](gated_lock& lock) {
            std::unique_lock hold(lock);
            cv.wait(lock);
            woken.release();
        };
        fiber::handle a = fiber::go(wait, std::ref(first));
        first.unlocked.acquire();
        fiber::handle b = fiber::go(wait, std::ref(second));
        second.unlocked.acquire();
        second.may_return.release();
        cv.notify_one(); // the first waiter is in unlock()
        first.may_return.release();
        woken.acquire();
        a.join();
        expect(!b.join_for(1ms), "the second waits on");
        cv.notify_one();
        b.join();
    });
}

TEST_CASE("a condition_variable_any may be destroyed while notified waiters unlock",
          "[condition_variable_any]") {
    in_either([] {
        gated_lock first, second;
        auto cv = std::make_unique<fiber::condition_variable_any>();
        auto const wait = [&](gated_lock& lock) {
            std::unique_lock hold(lock);
            cv->wait(lock);
        };
        fiber::handle a = fiber::go(wait, std::ref(first)), b = fiber::go(wait, std::ref(second));
        first.unlocked.acquire();
        second.unlocked.acquire();
        cv->notify_all();
        cv.reset();
        first.may_return.release();
        second.may_return.release();
        a.join();
        b.join();
    });
}

TEST_CASE("a stop request during the unlock ends the wait", "[condition_variable_any]") {
    tests::expect expect;
    in_either([&] {
        gated_lock lock;
        fiber::condition_variable_any cv;
        fiber::stop_source source;
        fiber::handle waiter = fiber::go([&] {
            std::unique_lock hold(lock);
            expect(!cv.wait(lock, source.get_token(), [] { return false; }), "the predicate's last value");
        });
        lock.unlocked.acquire();
        source.request_stop();
        lock.may_return.release();
        waiter.join();
    });
}
