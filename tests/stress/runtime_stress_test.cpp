// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// runtime_stress_test.cpp: tests of the scheduler, of park, spawn, join and timers, at random times.
#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/leaks.hpp"

#include "runtime/base/lock/spinlock.hpp"
#include "runtime/park.hpp"

#include <fiber/runtime.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
namespace rt = fiber::rt;

namespace {

// The shortest primitive on park and unpark: agents wait in a queue, and are let go one by one.
class turnstile {
public:
    void wait() {
        rt::waiter me{rt::ticket{&rt::self()}};
        lock_.lock();
        if (permits_ > 0) {
            --permits_;
            lock_.unlock();
            return;
        }
        rt::wait_queue(waiters_).push_back(me);
        rt::park(rt::wait_reason::semaphore, this, [this] { lock_.unlock(); });
    }
    // Returns true if the agent was let go, false if its deadline came first.
    bool wait_until(rt::clock::time_point deadline) {
        rt::waiter me{rt::self().open_wait()};
        lock_.lock();
        if (permits_ > 0) {
            --permits_;
            lock_.unlock();
            return true;
        }
        rt::wait_queue(waiters_).push_back(me);
        if (rt::park_until(me.key, deadline, rt::wait_reason::semaphore, this, [this] { lock_.unlock(); }) ==
            rt::wait_end::woken)
            return true;
        std::lock_guard const hold(lock_);
        if (me.queued())
            rt::wait_queue(waiters_).remove(me);
        return false;
    }
    void let_one_go() {
        lock_.lock();
        rt::waiter const* const w = rt::wait_queue(waiters_).claim_front();
        if (w == nullptr) {
            ++permits_;
            lock_.unlock();
            return;
        }
        rt::ticket const key = w->key;
        lock_.unlock();
        rt::unpark(key);
    }

private:
    rt::spinlock<rt::lock_rank::wait_queue> lock_;
    int permits_ = 0;
    fiber::detail::wait_list waiters_;
};

} // namespace

TEST_CASE("park and unpark: each permit lets exactly one fiber or thread through", "[stress][park]") {
    constexpr int tasks = 12, rounds = 400;
    turnstile gate;
    std::atomic<int> through{0};
    {
        tests::no_leaks no_leaks;
        auto const pass = [&](int who) {
            tests::chaos chaos(static_cast<std::uint64_t>(who));
            for (int i = 0; i < rounds; ++i) {
                gate.wait();
                ++through;
                chaos();
            }
        };
        auto const let = [&](int who) {
            tests::chaos chaos(static_cast<std::uint64_t>(who));
            for (int i = 0; i < rounds; ++i) {
                gate.let_one_go();
                chaos();
            }
        };
        std::vector<fiber::handle> fibers;
        std::vector<std::thread> threads;
        for (int i = 0; i < tasks; ++i) {
            if (i % 4 == 3) {
                threads.emplace_back(pass, i);
                threads.emplace_back(let, 100 + i);
            } else {
                fibers.push_back(fiber::go(pass, i));
                fibers.push_back(fiber::go(let, 100 + i));
            }
        }
        for (auto& f : fibers)
            f.join();
        for (auto& t : threads)
            t.join();
    }
    CHECK(through == tasks * rounds);
}

TEST_CASE("timed park: no permit is lost to a simultaneous deadline", "[stress][park]") {
    constexpr int tasks = 8, rounds = 400;
    tests::no_leaks no_leaks;
    turnstile gate;
    std::atomic<int> through{0}, missed{0};
    auto const pass = [&](int who) {
        tests::chaos chaos(static_cast<std::uint64_t>(who));
        for (int i = 0; i < rounds; ++i)
            ++(gate.wait_until(rt::clock::now() + std::chrono::microseconds(chaos.below(60))) ? through
                                                                                              : missed);
    };
    std::vector<fiber::handle> fibers;
    std::vector<std::thread> threads;
    for (int i = 0; i < tasks; ++i) {
        if (i % 4 == 3)
            threads.emplace_back(pass, i);
        else
            fibers.push_back(fiber::go(pass, i));
    }
    int given = 0;
    tests::chaos chaos(99);
    for (; given < tasks * rounds / 2; ++given) {
        gate.let_one_go();
        chaos();
    }
    for (auto& f : fibers)
        f.join();
    for (auto& t : threads)
        t.join();
    CHECK(through + missed == tasks * rounds);
    // Permits that were given and not used are still there.
    int left = 0;
    while (gate.wait_until(rt::clock::now()))
        ++left;
    CHECK(through + left == given);
}

TEST_CASE("spawn: all fibers of trees run, and are joined or detached", "[stress][spawn]") {
    struct tree {
        static void grow(int depth, std::atomic<int>& leaves) {
            if (depth == 0) {
                ++leaves;
                return;
            }
            fiber::handle left = fiber::go(grow, depth - 1, std::ref(leaves));
            fiber::handle const detached = fiber::go(grow, depth - 1, std::ref(leaves));
            grow(depth - 1, leaves);
            left.join();
        }
    };
    std::atomic<int> leaves{0};
    {
        tests::no_leaks no_leaks;
        std::vector<std::thread> threads;
        for (int t = 0; t < 2; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < 8; ++i)
                    fiber::run(tree::grow, 4, leaves);
            });
        for (auto& t : threads)
            t.join();
    }
    CHECK(leaves == 2 * 8 * 81);
}

TEST_CASE("join, join_for and detach meet the end of a fiber at any time", "[stress][join]") {
    tests::no_leaks no_leaks;
    tests::expect expect;
    auto const meet = [&](int who) {
        tests::chaos chaos(static_cast<std::uint64_t>(who));
        for (int i = 0; i < 600; ++i) {
            int value = 0;
            auto shared = std::make_shared<int>(0);
            fiber::handle h = fiber::go([&value, shared, delay = chaos.below(4)] {
                for (std::uint64_t d = 0; d < delay; ++d)
                    fiber::this_fiber::yield();
                value = 1;
            });
            if (chaos.below(2) == 0)
                while (!h.join_for(std::chrono::microseconds(chaos.below(5))))
                    chaos();
            else
                h.join();
            expect(value == 1 && shared.use_count() == 1, "the fiber has ended");
            fiber::go([shared] {}).detach();
        }
    };
    std::vector<fiber::handle> fibers;
    for (int i = 0; i < 4; ++i)
        fibers.push_back(fiber::go(meet, i));
    std::thread t(meet, 9);
    t.join();
    for (auto& f : fibers)
        f.join();
}

TEST_CASE("idle and wake: work of remote callers runs at any time", "[stress][idle]") {
    tests::no_leaks no_leaks;
    // Each round trip needs a machine that sleeps, or is about to sleep.
    std::vector<std::thread> threads;
    std::atomic<int> served{0};
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&, t] {
            tests::chaos chaos(static_cast<std::uint64_t>(t));
            for (int i = 0; i < 500; ++i) {
                fiber::run([&] { ++served; });
                if (chaos.below(8) == 0)
                    std::this_thread::yield();
            }
        });
    for (auto& t : threads)
        t.join();
    CHECK(served == 1500);
}

TEST_CASE("stealing: a burst from one fiber is shared, and no fiber is lost or run twice",
          "[stress][steal]") {
    tests::no_leaks no_leaks;
    fiber::run([] {
        constexpr std::size_t burst = 600; // more than a run queue holds
        for (int round = 0; round < 10; ++round) {
            std::vector<std::atomic<int>> runs(burst);
            std::atomic<std::size_t> done{0};
            for (std::size_t i = 0; i < burst; ++i)
                fiber::go([&, i] {
                    runs[i].fetch_add(1);
                    done.fetch_add(1);
                });
            while (done.load() < burst)
                fiber::this_fiber::yield();
            std::size_t once = 0;
            for (auto const& r : runs)
                once += r.load() == 1;
            REQUIRE(once == burst);
        }
    });
}

TEST_CASE("threads make, use and destroy runtimes at the same time", "[stress][runtime]") {
    std::vector<std::thread> threads;
    std::atomic<int> sum{0};
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 20; ++i) {
                fiber::runtime a({.processors = 2}), b({.processors = 1});
                a.run([&] {
                    fiber::handle const left_alone = b.go([&] {
                        fiber::this_fiber::yield();
                        ++sum;
                    });
                    b.go([&] { ++sum; }).join();
                });
                a.set_processors(1 + static_cast<unsigned>(i) % 3);
            }
        });
    for (auto& t : threads)
        t.join();
    CHECK(sum == 2 * 20 * 2);
}

TEST_CASE("sleepers wake on any processor", "[stress][timer]") {
    tests::no_leaks no_leaks;
    std::atomic<int> woken{0};
    std::vector<fiber::handle> fibers;
    for (int i = 0; i < 100; ++i)
        fibers.push_back(fiber::go([&, i] {
            tests::chaos chaos(static_cast<std::uint64_t>(i));
            for (int k = 0; k < 20; ++k) {
                auto const until = rt::clock::now() + std::chrono::microseconds(chaos.below(500));
                fiber::this_fiber::sleep_until(until);
                if (rt::clock::now() >= until)
                    ++woken;
                chaos();
            }
        }));
    for (auto& f : fibers)
        f.join();
    CHECK(woken == 100 * 20);
}

TEST_CASE("a runtime may be destroyed before the waker of the last fiber returns", "[stress][runtime]") {
    for (int i = 0; i < 300; ++i) {
        turnstile gate;
        auto r = std::make_unique<fiber::runtime>(
            fiber::runtime_options{.processors = 1 + static_cast<unsigned>(i) % 2});
        r->go([&] { gate.wait(); });
        std::thread waker([&] { gate.let_one_go(); });
        r.reset();
        waker.join();
    }
    SUCCEED();
}
