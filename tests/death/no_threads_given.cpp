// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// no_threads_given: blocked fibers hold all processors, other fibers are runnable, and the system
// refuses new threads. A line with counts reports that, and again after ten seconds. The program
// continues when the system allows new threads again.

// stderr: fiber: a runtime has [0-9]+ machines, and can have no more .*the system's limit of threads.*
// stderr: fiber: all stand still in a runtime: each of its 1 processors .* [0-9]+ fibers are runnable.*[0-9]+ machines.*limit of threads.*
// stderr: fiber: all stand still in a runtime: each of its 1 processors .* [0-9]+ fibers are runnable.*[0-9]+ machines.*limit of threads.*
// stdout: 20 have had the lock

#include "tests/death/own_stderr.hpp"

#include <fiber/fiber.hpp>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore>
#include <vector>

namespace {

std::atomic<bool> refused{false};

} // namespace

// Replaces the C library's pthread_create for the library's calls.
extern "C" int pthread_create(::pthread_t* thread, ::pthread_attr_t const* how, void* (*body)(void*),
                              void* argument) noexcept {
    if (refused)
        return EAGAIN;
    static auto* const real =
        reinterpret_cast<decltype(&pthread_create)>(::dlsym(RTLD_NEXT, "pthread_create"));
    return real(thread, how, body, argument);
}

int main() {
    tests::own_stderr reports;
    fiber::runtime runtime({.processors = 1});
    std::binary_semaphore lock(1); // like a std::mutex, but another OS thread may unlock it
    int have_had_it = 0;
    std::vector<fiber::handle> all;
    runtime.run([&] {
        refused = true;
        for (int i = 0; i < 20; ++i)
            all.push_back(fiber::go([&] {
                lock.acquire(); // blocks its OS thread
                ++have_had_it;
                fiber::this_fiber::yield(); // moves behind all the other fibers
                lock.release();
            }));
    });
    for (int line = 0; line < 3; ++line)
        reports.pass_on_line();
    refused = false;
    for (auto& h : all)
        h.join();
    std::printf("%d have had the lock\n", have_had_it);
}
