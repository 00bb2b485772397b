// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// template_thread.hpp: an OS thread that starts the runtime's other OS threads.
//
// A new thread is a copy of the thread that starts it: its namespaces, credentials, CPU affinity,
// priority, signal mask, timer slack. A fiber may have changed any of these in the thread that it
// is pinned to. Therefore a thread that runs fibers never starts another thread. No code of the
// program runs in the template thread, and no signal handler: it blocks all signals.
#pragma once

#include "runtime/base/thread/os_thread.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

class template_thread {
public:
    // Starts the template thread as a copy of the calling thread. Throws as os_thread::start.
    void start();
    // Stops the template thread. Call it after the last make() has returned. Does nothing if
    // start() has not succeeded.
    void stop() noexcept;

    // Calls thread.start(body, argument) in the template thread, and blocks the calling thread
    // until that is done. Any threads may call it concurrently. Throws as os_thread::start.
    void make(os_thread& thread, void* (*body)(void*), void* argument);

    // Calls work(argument) in the template thread, and blocks the calling thread until it returns.
    void call(void (*work)(void*) noexcept, void* argument) noexcept;

private:
    struct request {
        void (*work)(void*) noexcept;
        void* argument;
        request* next = nullptr;
        std::atomic<std::uint32_t> done{0}; // for the futex
    };

    static void* main(void* self) noexcept;
    [[nodiscard]] request* take_all() noexcept;

    // [template_thread]
    //   requester                  template thread
    //   1 push the request         1 seen = request_count_
    //   2 ++request_count_, wake   2 take the requests; if there are any: serve them, back to 1
    //   3 sleep until done         3 sleep while request_count_ == seen
    //
    // No request is forgotten. If right.1 sees left.2, right.2 sees left.1. Otherwise
    // request_count_ differs from `seen` at right.3.
    std::atomic<request*> requests_{nullptr}; // the newest first
    std::atomic<std::uint32_t> request_count_{0};
    std::atomic<bool> stopping_{false}; // written before ++request_count_
    os_thread thread_;
};

} // namespace fiber::rt
