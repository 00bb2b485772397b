// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// template_thread.hpp: an OS thread that makes others, and does little else.
//
// A new thread is a copy of the one that makes it: its namespaces, credentials, CPU affinity, priority, signal mask, timer
// slack. A fiber may have changed any of these in the thread that it is pinned to. A thread that runs fibers therefore never makes
// another one. No code of the program runs in the maker, signal handlers included: all signals are blocked there.
#pragma once

#include "runtime/base/os_thread.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

class template_thread {
public:
    // The maker is a copy of the calling thread. Throws as os_thread::start.
    void start();
    // After the last make() has returned. Does nothing if start() has not succeeded.
    void stop() noexcept;

    // thread.start(body, argument), done by the maker. Blocks the calling thread until then. From any thread, and
    // several at a time. Throws as os_thread::start.
    void make(os_thread& thread, void* (*body)(void*), void* argument);

    // The same for work(argument): the maker does it, and the caller waits.
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

    // [template_thread] requester                  maker
    //              1 put the request in       1 seen = asked
    //              2 ++asked, wake            2 requests to be had: serve them, and from 1 again
    //              3 sleep until done         3 sleep while asked == seen
    //   If right.1 sees left.2, right.2 sees left.1. Otherwise asked differs from seen at right.3.
    std::atomic<request*> requests_{nullptr}; // the last one first
    std::atomic<std::uint32_t> request_count_{0};
    std::atomic<bool> stopping_{false}; // written before ++request_count_, too
    os_thread thread_;
};

} // namespace fiber::rt
