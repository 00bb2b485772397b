// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// poller_test.cpp: rt::poller: an external source of runnable fibers.

#include "tests/support/catch.hpp"
#include "tests/support/expect.hpp"

#include "runtime/park.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/poller.hpp"
#include "runtime/sched/scheduler.hpp"

#include <fiber/go.hpp>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace rt = fiber::rt;

namespace {

// Parks fibers until the test opens the gate. Stands for an external source of events.
class gate : public rt::poller {
public:
    void pass() {
        begin_await();
        lock_.lock();
        rt::park(rt::wait_reason::io, this, [this, &me = static_cast<rt::fiber&>(rt::self())] {
            spin& lock = lock_; // The closure may be destroyed once the lock is free.
            waiting_.push(me);
            lock.unlock();
        });
        end_await();
    }
    void open() {
        open_ = true;
        interrupt();
    }

    rt::fiber_list poll() noexcept override {
        ++polls;
        return take();
    }
    rt::fiber_list wait(rt::clock::time_point until) noexcept override {
        ++waits;
        std::unique_lock hold(sleeping_);
        auto const rung = [&] { return std::exchange(rung_, false); };
        if (until == rt::never)
            bell_.wait(hold, rung);
        else
            bell_.wait_until(hold, until, rung);
        return take();
    }
    void interrupt() noexcept override {
        std::lock_guard const hold(sleeping_);
        rung_ = true;
        bell_.notify_one();
    }
    rt::clock::time_point next_check() const noexcept override { return rt::never; }
    void check(rt::clock::time_point) noexcept override {}

    std::atomic<int> polls{0}, waits{0};

private:
    rt::fiber_list take() noexcept {
        std::lock_guard const hold(lock_);
        rt::fiber_list ready;
        while (rt::fiber* const g = open_ ? waiting_.pop() : nullptr) {
            g->move(rt::fiber_state::parked, rt::fiber_state::runnable);
            ready.push(*g);
        }
        return ready;
    }

    using spin = rt::spinlock<rt::lock_rank::wait_queue>;
    spin lock_; // guards waiting_
    rt::fiber_list waiting_;
    std::atomic<bool> open_{false};
    std::mutex sleeping_;
    std::condition_variable bell_;
    bool rung_ = false;
};

// A scheduler with a gate.
struct gated {
    explicit gated(unsigned processors)
        : scheduler(std::make_unique<rt::scheduler>(fiber::runtime_options{.processors = processors})) {
        auto made = std::make_unique<gate>();
        outside = made.get();
        scheduler->work.attach(std::move(made));
    }
    template <class F>
    fiber::handle go(F f) {
        return fiber::start_in(scheduler.get(), {}, std::move(f));
    }
    std::unique_ptr<rt::scheduler> scheduler;
    gate* outside; // owned by the scheduler
};

} // namespace

TEST_CASE("busy processors ask a poller, and each polled fiber runs once", "[poller]") {
    constexpr int waiters = 10;
    std::atomic<int> passed{0};
    gated one(1);
    std::vector<fiber::handle> all;
    for (int i = 0; i < waiters; ++i)
        all.push_back(one.go([&] {
            one.outside->pass();
            ++passed;
        }));
    all.push_back(one.go([&] {
        auto const before = one.outside->polls.load();
        while (one.outside->polls.load() < before + 3)
            fiber::this_fiber::yield();
        one.outside->open();
        while (passed.load() < waiters)
            fiber::this_fiber::yield();
    }));
    for (auto& h : all)
        h.join();
    CHECK(passed == waiters);
}

TEST_CASE("an idle machine sleeps in the poller while agents wait for it", "[poller]") {
    for (unsigned const processors : {1u, 2u, 8u}) {
        gated some(processors);
        std::atomic<bool> passed{false};
        auto waiter = some.go([&] {
            some.outside->pass();
            passed = true;
        });
        while (some.outside->waits.load() == 0)
            fiber::this_fiber::yield();
        for (int i = 0; i < 100; ++i) // wakes the machine, which watches again afterwards
            some.go([] {}).join();
        CHECK(!passed);
        some.outside->open();
        waiter.join();
        CHECK(passed);
    }
}

TEST_CASE("a scheduler that waits for nothing outside never asks its poller", "[poller]") {
    gated some(2);
    for (int i = 0; i < 100; ++i)
        some.go([] {
                for (int turn = 0; turn < 200; ++turn)
                    fiber::this_fiber::yield();
            })
            .join();
    CHECK(some.outside->polls == 0);
    CHECK(some.outside->waits == 0);
}
