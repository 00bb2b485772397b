// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exclusive_lock_test.cpp: the bias of a mutex: [mutex.bias].
#include "tests/support/biased_unlock.hpp"
#include "tests/support/catch.hpp"

#include <fiber/detail/exclusive_lock.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <mutex>

namespace {

constexpr auto kind = fiber::detail::lock_kind::mutex; // for messages only

struct mutex : fiber::detail::exclusive_lock {
    void lock() noexcept { static_cast<void>(lock_before(fiber::detail::never)); }
    void unlock() noexcept {
        if (!try_unlock_biased())
            exclusive_lock::unlock(kind);
    }
};

} // namespace

TEST_CASE("a mutex is rebiased after a time without waiters, and can then be waited for", "[mutex]") {
    fiber::runtime r({.processors = 1});
    r.run([] {
        mutex m;
        for (int round = 0; round < 5; ++round) {
            m.lock();
            auto waiter = fiber::go([&] { std::scoped_lock guard(m); });
            fiber::this_fiber::yield(); // the waiter has the only processor until it parks
            CHECK_FALSE(m.is_biased());
            m.unlock();
            waiter.join();
            for (int i = 0; i < 1000; ++i)
                std::scoped_lock guard(m);
            CHECK_FALSE(m.is_biased());
            // Ends when the revocation budget allows a rebias; never, if sequences were disabled.
            while (tests::biased_unlock_works() && !m.is_biased())
                std::scoped_lock guard(m);
        }
    });
}

TEST_CASE("forbid_biased_unlock leaves a biased mutex to unlock once", "[mutex]") {
    fiber::runtime r({.processors = 1});
    r.run([] {
        mutex m;
        m.lock();
        m.forbid_biased_unlock();
        CHECK_FALSE(m.try_unlock_biased());
        CHECK(m.is_locked());
        m.exclusive_lock::unlock(kind);
        CHECK_FALSE(m.is_locked());
        m.lock();
        m.unlock();
        CHECK(m.is_biased() == fiber::detail::may_unlock_biased);
        CHECK_FALSE(m.is_locked());
    });
}
