// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Boost.Fiber as a competitor: its own types where it has them, with its defaults. pthread.hpp says what a
// competitor must have. On one processor its scheduler is round_robin, its default. On more it is
// shared_work, one thread each. Its other scheduler, work_stealing, is faster if one fiber at a time is
// started and joined, and slower in most rows.
#pragma once

#include "perf/competitors/boost_types.hpp"

#include <boost/fiber/algo/shared_work.hpp>
#include <boost/fiber/operations.hpp>

#include <mutex>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

namespace perf::competitors {

struct boost_fibers {
    static constexpr std::string_view name = "Boost.Fiber";

    using thread = boost::fibers::fiber;
    using mutex = boost::fibers::mutex;
    using condition_variable = boost::fibers::condition_variable;
    using wait_group = boost_wait_group;
    template <class T>
    using chan = boost_channel<T>;

    static void use(unsigned processors) {
        if (processors == 1)
            return;
        auto const join_in = [] {
            constexpr bool sleep_when_idle = true;
            boost::fibers::use_scheduling_algorithm<boost::fibers::algo::shared_work>(sleep_when_idle);
        };
        for (unsigned i = 1; i < processors; ++i)
            std::thread([join_in] {
                join_in();
                wait_for_ever(); // so that this thread runs others' fibers
            }).detach();
        join_in();
    }

    template <class F>
    static auto run(F&& f) {
        std::invoke_result_t<F> result{};
        thread([&] { result = std::forward<F>(f)(); }).join();
        return result;
    }
    template <class F>
    static void go(F&& f) {
        thread(std::forward<F>(f)).detach();
    }
    static void yield() { boost::this_fiber::yield(); }
    template <class Duration>
    static void sleep_for(Duration d) {
        boost::this_fiber::sleep_for(d);
    }

private:
    static void wait_for_ever() {
        mutex never;
        std::unique_lock lock(never);
        condition_variable().wait(lock, [] { return false; });
    }
};

} // namespace perf::competitors
