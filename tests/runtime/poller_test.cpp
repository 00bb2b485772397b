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
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace rt = fiber::rt;

namespace {

// Parks fibers until the test opens the gate. Stands for an external source of events.
class gate : public rt::poller {
public:
    void wait() {
        lock_.lock();
        rt::park(rt::wait_reason::io, this, [this, &me = static_cast<rt::fiber&>(rt::self())] {
            spin& lock = lock_; // The closure may be destroyed once the lock is free.
            waiting_.push(me);
            lock.unlock();
        });
    }
    void open() { open_ = true; }

    rt::fiber_list poll() noexcept override {
        ++polls;
        std::lock_guard const hold(lock_);
        return open_ ? std::move(waiting_) : rt::fiber_list();
    }

    std::atomic<int> polls{0};

private:
    using spin = rt::spinlock<rt::lock_rank::wait_queue>;
    spin lock_; // guards waiting_
    rt::fiber_list waiting_;
    std::atomic<bool> open_{false};
};

} // namespace

TEST_CASE("busy processors ask a poller, and each polled fiber runs once", "[poller]") {
    constexpr int waiters = 10;
    for (unsigned const processors : {1u, 2u}) {
        gate outside;
        std::atomic<int> passed{0};
        auto scheduler = std::make_unique<rt::scheduler>(fiber::runtime_options{.processors = processors});
        scheduler->work.attach(outside);
        std::vector<fiber::handle> all;
        for (int i = 0; i < waiters; ++i)
            all.push_back(fiber::start_in(scheduler.get(), {}, [&] {
                outside.wait();
                ++passed;
            }));
        all.push_back(fiber::start_in(scheduler.get(), {}, [&] {
            auto const before = outside.polls.load();
            while (outside.polls.load() < before + 3)
                fiber::this_fiber::yield();
            outside.open();
            while (passed.load() < waiters)
                fiber::this_fiber::yield();
        }));
        for (auto& h : all)
            h.join();
        CHECK(passed == waiters);
    }
}
