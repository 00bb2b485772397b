// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What workloads use to start many tasks, and to know when all are there, or done.
#pragma once

#include "perf/workload.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <vector>

namespace perf {

// std::latch, made of the competitor's own mutex and condition variable.
template <class Competitor>
class countdown {
public:
    explicit countdown(std::int64_t n) : left_(n) {}

    void count_down(std::int64_t n = 1) {
        std::lock_guard lock(mutex_); // until after the notify: the waiter destroys *this
        left_ -= n;
        if (left_ == 0)
            zero_.notify_all();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        zero_.wait(lock, [&] { return left_ == 0; });
    }

private:
    typename Competitor::mutex mutex_;
    typename Competitor::condition_variable zero_;
    std::int64_t left_; // guarded by mutex_
};

// The same, made of its wait group, as Go's programs do it. It fills its cache line.
template <class Competitor>
requires requires { typename Competitor::wait_group; }
class alignas(64) countdown<Competitor> {
public:
    explicit countdown(std::int64_t n) { left_.add(n); }

    void count_down(std::int64_t n = 1) {
        while (n-- > 0)
            left_.done();
    }
    void wait() { left_.wait(); }

private:
    typename Competitor::wait_group left_;
};

// Starts n tasks, or fewer if the machine gives fewer. Each calls body(its number), which must live until all
// have ended. Returns how many it started.
template <class Competitor, class F>
std::int64_t start_as_many(std::int64_t n, F const& body) {
    for (std::int64_t started = 0; started < n; ++started) {
        try {
            Competitor::go([&body, started] { body(started); });
        } catch (std::system_error const&) {
            return started;
        }
    }
    return n;
}

template <class Competitor, class F>
std::int64_t start_as_many(std::int64_t n, F const&& body) = delete;

// Shares out n operations among tasks that start together. Each calls body(rounds). Returns the time of n
// operations.
template <class Competitor, class F>
nanoseconds together(std::int64_t tasks, std::int64_t n, F const& body) {
    auto const rounds = (n + tasks - 1) / tasks;
    typename Competitor::template chan<bool> gate(0);
    countdown<Competitor> ready(tasks), done(tasks);
    std::vector<typename Competitor::thread> threads;
    for (std::int64_t i = 0; i < tasks; ++i)
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
    return took * n / (rounds * tasks);
}

} // namespace perf
