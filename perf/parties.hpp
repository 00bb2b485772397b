// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What workloads need to start many parties and to know when all of them are there, or done.
#pragma once

#include "perf/workload.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <vector>

namespace perf {

// std::latch, out of the rival's own mutex and condition variable.
template <class Rival>
class countdown {
public:
    explicit countdown(std::int64_t n) : left_(n) {}

    void count_down(std::int64_t n = 1) {
        std::lock_guard lock(
            mutex_); // also for all but the last: else the waiter could be gone before the notify
        left_ -= n;
        if (left_ == 0)
            zero_.notify_all();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        zero_.wait(lock, [&] { return left_ == 0; });
    }

private:
    typename Rival::mutex mutex_;
    typename Rival::condition_variable zero_;
    std::int64_t left_; // guarded by mutex_
};

// Or out of its wait group, as Go's programs do it. In a line of its own, as in a heap.
template <class Rival>
requires requires { typename Rival::wait_group; }
class alignas(64) countdown<Rival> {
public:
    explicit countdown(std::int64_t n) { left_.add(n); }

    void count_down(std::int64_t n = 1) {
        while (n-- > 0)
            left_.done();
    }
    void wait() { left_.wait(); }

private:
    typename Rival::wait_group left_;
};

// Starts up to n parties, as many as the machine gives, each of which does body(its number); how many those are.
template <class Rival, class F>
std::int64_t start_as_many(std::int64_t n, F const& body) {
    for (std::int64_t started = 0; started < n; ++started) {
        try {
            Rival::go([&body, started] { body(started); });
        } catch (std::system_error const&) {
            return started;
        }
    }
    return n;
}

// n operations shared out among parties that start together, each doing body(rounds): the time that n of them
// took.
template <class Rival, class F>
nanoseconds together(std::int64_t parties, std::int64_t n, F const& body) {
    auto const rounds = (n + parties - 1) / parties;
    typename Rival::template chan<bool> gate(0);
    countdown<Rival> ready(parties), done(parties);
    std::vector<typename Rival::thread> threads;
    for (std::int64_t i = 0; i < parties; ++i)
        threads.emplace_back([&, gate] {
            ready.count_down();
            while (gate.recv()) {
            }
            body(rounds);
            done.count_down();
        });
    ready.wait();
    auto const start = clock::now();
    gate.close();
    done.wait();
    auto const took = clock::now() - start;
    for (auto& t : threads)
        t.join();
    return took * n / (rounds * parties);
}

} // namespace perf
