// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Pthreads as a competitor: what a C++ program uses today.
//
// A competitor is a type with these members. Each workload is a template over it:
//   name, thread, mutex, condition_variable, chan<T>
//   use(n)        n processors from now on; called at most once, before anything else
//   run(f)        runs f where this competitor's primitives are at home, returns its value
//   go(f)         starts f and forgets it; throws std::system_error when the machine gives no more
//   yield(), sleep_for(d)
// and, if it has them:
//   wait_group                              Go's
//   has_select, receive_either(a, b, f)     takes one value from either of two channels
//   processors()                            how many it runs on
#pragma once

#include "perf/competitors/pthread_channel.hpp"
#include "perf/harness/machine.hpp"

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <pthread.h>

namespace perf::competitors {

struct pthreads {
    static constexpr std::string_view name = "pthreads";

    using thread = std::thread;
    using mutex = std::mutex;
    using condition_variable = std::condition_variable;
    template <class T>
    using chan = pthread_channel<T>;

    static void use(unsigned) {} // threads always have all CPUs
    template <class F>
    static auto run(F&& f) {
        return std::forward<F>(f)();
    }

    // Stops a tenth below what the machine has, so that other processes can still start something.
    // Not std::thread: pthread_detach of glibc 2.36 may read the memory of a thread that has just ended.
    template <class F>
    static void go(F const& f) {
        struct counted {
            F body;
            counted(F const& b) : body(b) { live.fetch_add(1); }
            ~counted() { live.fetch_sub(1); }
        };
        static std::int64_t const most = thread_limit();
        static pthread_attr_t const detached = [] {
            pthread_attr_t attributes;
            pthread_attr_init(&attributes);
            pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
            return attributes;
        }();
        auto work = std::make_unique<counted>(f);
        auto const start = [](void* argument) -> void* {
            std::unique_ptr<counted>(static_cast<counted*>(argument))->body();
            return nullptr;
        };
        pthread_t thread;
        int const error = live > most ? EAGAIN : pthread_create(&thread, &detached, start, work.get());
        if (error != 0)
            throw std::system_error(error, std::generic_category());
        static_cast<void>(work.release()); // the thread has it
    }

    static void yield() { std::this_thread::yield(); }
    template <class Duration>
    static void sleep_for(Duration d) {
        std::this_thread::sleep_for(d);
    }

private:
    static inline std::atomic<std::int64_t> live = 0;
};

} // namespace perf::competitors
