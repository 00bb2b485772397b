// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// unpark_batch_test.cpp: rt::unpark_batch: order and completeness of batched wake-ups.

#include "tests/support/catch.hpp"

#include "runtime/base/lock/spinlock.hpp"
#include "runtime/park.hpp"

#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

namespace rt = fiber::rt;

namespace {

// Fibers and threads wait here until one caller wakes all of them together.
class parked_group {
public:
    void wait() {
        rt::waiter me(rt::ticket{&rt::self()});
        lock_.lock();
        queue_.push_back(me);
        ++waiting_;
        rt::park(rt::wait_reason::semaphore, this, [this] { lock_.unlock(); });
    }
    void wake_when_there_are(std::size_t n) {
        lock_.lock();
        while (waiting_ < n) {
            lock_.unlock();
            fiber::this_fiber::yield();
            lock_.lock();
        }
        lock_.unlock(); // No other caller comes.
        rt::unpark_batch all;
        while (rt::waiter const* const w = queue_.pop_front())
            all.add(w->key);
    }

private:
    rt::spinlock<rt::lock_rank::wait_queue> lock_; // guards the fields below
    fiber::detail::wait_list list_;
    rt::wait_queue queue_{list_};
    std::size_t waiting_ = 0;
};

} // namespace

TEST_CASE("fibers woken together run in the order of their waits", "[unpark_batch]") {
    constexpr std::size_t n = 64;
    fiber::runtime one({.processors = 1});
    std::vector<std::size_t> waited, went_on;
    one.run([&waited, &went_on] {
        parked_group waiting;
        std::vector<fiber::handle> all;
        for (std::size_t i = 0; i < n; ++i)
            all.push_back(fiber::go([&waiting, &waited, &went_on, i] {
                waited.push_back(i);
                waiting.wait();
                went_on.push_back(i);
            }));
        waiting.wake_when_there_are(n);
        for (auto& h : all)
            h.join();
    });
    REQUIRE(waited.size() == n);
    CHECK(went_on == waited);
}

TEST_CASE("fibers woken together run after the runnable fibers, for one or two of them", "[unpark_batch]") {
    auto const n = GENERATE(std::size_t{1}, std::size_t{2});
    fiber::runtime one({.processors = 1});
    std::string order;
    one.run([&order, n] {
        parked_group waiting;
        std::vector<fiber::handle> all;
        for (std::size_t i = 0; i < n; ++i)
            all.push_back(fiber::go([&] {
                waiting.wait();
                order += 'w';
            }));
        fiber::this_fiber::yield();
        for (int i = 0; i < 2; ++i)
            all.push_back(fiber::go([&] {
                fiber::this_fiber::yield();
                order += 'r';
            }));
        fiber::this_fiber::yield(); // Both fibers are in the queue.
        waiting.wake_when_there_are(n);
        for (auto& h : all)
            h.join();
    });
    CHECK(order == "rr" + std::string(n, 'w'));
}

TEST_CASE("a batch wakes each fiber of two runtimes and each thread once", "[unpark_batch]") {
    bool const by_fiber = GENERATE(false, true);
    fiber::runtime a({.processors = 1}), b({.processors = 2});
    for (std::size_t const n : {1u, 2u, 63u, 64u, 65u, 129u, 1000u}) {
        constexpr std::size_t threads = 3;
        parked_group waiting;
        std::atomic<std::size_t> passed{0};
        auto const pass = [&waiting, &passed] {
            waiting.wait();
            ++passed;
        };
        std::vector<fiber::handle> fibers;
        for (std::size_t i = 0; i < n; ++i)
            fibers.push_back((i % 3 == 0 ? a : b).go(pass));
        std::vector<std::thread> others;
        for (std::size_t i = 0; i < threads; ++i)
            others.emplace_back(pass);
        if (by_fiber)
            b.run([&] { waiting.wake_when_there_are(n + threads); });
        else
            waiting.wake_when_there_are(n + threads);
        for (auto& h : fibers)
            h.join();
        for (auto& t : others)
            t.join();
        CHECK(passed == n + threads);
    }
}
