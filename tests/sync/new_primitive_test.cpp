// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// new_primitive_test.cpp: the example of "Adding a blocking primitive" in runtime/README.md. The
// README contains the lines between the two marks; lint.readme compares them.
#include "runtime/base/lock/queue_lock.hpp"
#include "sync/waiting.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/dumped.hpp"
#include "tests/support/expect.hpp"

#include <fiber/detail/deadline_or_stop.hpp>
#include <fiber/detail/wait_list.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

using namespace std::chrono_literals;

namespace fiber::new_primitive {

// example begins
class one_permit {
public:
    // Blocks until the caller has the permit. Returns false if the deadline or the stop came first.
    bool acquire(detail::deadline_or_stop until = detail::never) noexcept {
        return try_acquire() || acquire_slow(until);
    }

    bool try_acquire() noexcept {
        std::lock_guard const hold(rt::queue_lock_of(this));
        return std::exchange(free_, false);
    }

    // Gives the permit to the first waiter, or to the next acquire(). Never blocks.
    void release() noexcept {
        auto& queue_lock = rt::queue_lock_of(this);
        queue_lock.lock();
        rt::waiter const* const next = rt::wait_queue(waiters_).claim_front();
        free_ = next == nullptr;
        queue_lock.unlock(); // *this may be destroyed here if the permit is free
        if (next != nullptr)
            rt::unpark(next->key); // *next and *this may be destroyed here
    }

private:
    FIBER_PARKS bool acquire_slow(detail::deadline_or_stop until) noexcept {
        rt::waiter me(rt::ticket_until(until));
        rt::queued_wait wait(rt::queue_lock_of(this), waiters_); // locks the queue
        if (std::exchange(free_, false))                         // released after try_acquire()
            return true;
        return wait.park(me, until, rt::wait_reason::semaphore, this) == rt::queued_end::woken;
    }

    bool free_ = true; // guarded by rt::queue_lock_of(this), as is waiters_
    detail::wait_list waiters_;
};
// example ends

} // namespace fiber::new_primitive

namespace {

using fiber::new_primitive::one_permit;

} // namespace

TEST_CASE("one agent at a time has the permit of a new primitive", "[new_primitive]") {
    tests::for_each_mix([](tests::mix const& mix) {
        constexpr int rounds = 300;
        one_permit permit;
        int count = 0;
        tests::run_concurrently(mix, [&](int) {
            for (int i = 0; i < rounds; ++i) {
                permit.acquire();
                int const seen = count;
                if (i % 16 == 0)
                    fiber::this_fiber::yield();
                count = seen + 1;
                permit.release();
            }
        });
        CHECK(count == mix.size() * rounds);
    });
}

TEST_CASE("a wait for a new primitive ends at the deadline or at a stop request", "[new_primitive]") {
    one_permit permit;
    permit.acquire();
    CHECK_FALSE(permit.acquire(fiber::detail::deadline_after(5ms)));
    std::stop_source source;
    auto stopped = fiber::go([&permit, token = source.get_token()] {
        return permit.acquire(fiber::detail::deadline_or_stop(token));
    });
    source.request_stop();
    stopped.join();
    permit.release();
    CHECK(permit.acquire(fiber::detail::deadline_after(0ms)));
}

TEST_CASE("deadlines lose no permit of a new primitive", "[new_primitive]") {
    tests::for_each_mix([](tests::mix const& mix) {
        one_permit permit;
        int owners = 0;
        tests::expect expect;
        tests::run_concurrently(mix, [&](int task) {
            for (int i = 0; i < 200; ++i) {
                auto const limit = std::chrono::microseconds((i * 7 + task) % 50);
                if (!permit.acquire(fiber::detail::deadline_after(limit)))
                    continue;
                expect(++owners == 1, "one owner");
                if (i % 4 == 0)
                    fiber::this_fiber::yield();
                --owners;
                permit.release();
            }
        });
        CHECK(permit.acquire(fiber::detail::deadline_after(0ms)));
    });
}

TEST_CASE("dump names the wait reason of a new primitive", "[new_primitive]") {
    fiber::runtime runtime({.processors = 1});
    runtime.run([&runtime] {
        one_permit permit;
        permit.acquire();
        auto waiter = fiber::go([&permit] { permit.acquire(); });
        fiber::this_fiber::yield(); // returns when the waiter has parked
        CHECK(tests::dumped(runtime).find("semaphore") != std::string::npos);
        permit.release();
        waiter.join();
    });
}
