// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stoppable.hpp: one interface for all waits of sync that a stop request can end. An agent waits
// for one thing, which is not available at first.
#pragma once

#include "tests/support/catch.hpp"

#include <fiber/mutex.hpp>
#include <fiber/semaphore.hpp>
#include <fiber/wait_group.hpp>
#include <fiber/weighted_semaphore.hpp>

#include <chrono>
#include <stop_token>

namespace tests {

// wait() takes the thing and returns true, or returns false if it was stopped. provide() makes the
// thing available. take() takes the thing if it is available without a wait, and returns true if
// so.
struct stoppable_mutex {
    stoppable_mutex() { m.lock(); }
    ~stoppable_mutex() { m.unlock(); }
    bool wait(std::stop_token const& stop) { return m.lock(stop); }
    void provide() { m.unlock(); }
    bool take() { return m.try_lock(); }
    fiber::mutex m;
};
struct stoppable_semaphore {
    bool wait(std::stop_token const& stop) { return s.acquire(stop); }
    void provide() { s.release(); }
    bool take() { return s.try_acquire(); }
    fiber::counting_semaphore<> s{0};
};
struct stoppable_binary_semaphore {
    bool wait(std::stop_token const& stop) { return s.acquire(stop); }
    void provide() { s.release(); }
    bool take() { return s.try_acquire(); }
    fiber::binary_semaphore s{0};
};
struct stoppable_weighted_semaphore {
    stoppable_weighted_semaphore() { s.acquire(3); }
    bool wait(std::stop_token const& stop) { return s.acquire(2, stop); }
    void provide() { s.release(2); }
    bool take() { return s.try_acquire(2); }
    fiber::weighted_semaphore s{3};
};
struct stoppable_wait_group {
    stoppable_wait_group() { wg.add(); }
    bool wait(std::stop_token const& stop) {
        if (!wg.wait(stop))
            return false;
        wg.add();
        return true;
    }
    void provide() { wg.done(); }
    bool take() {
        if (!wg.wait_for(std::chrono::seconds(0)))
            return false;
        wg.add();
        return true;
    }
    fiber::wait_group wg;
};

#define STOPPABLES                                                                                           \
    tests::stoppable_mutex, tests::stoppable_semaphore, tests::stoppable_binary_semaphore,                   \
        tests::stoppable_weighted_semaphore, tests::stoppable_wait_group

} // namespace tests
