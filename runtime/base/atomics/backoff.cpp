// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// backoff.cpp: yields the CPU at first, and sleeps for longer and longer later.
#include "runtime/base/atomics/backoff.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fiber::rt {
namespace {

constexpr int yields = 8; // the other thread soon gets a free CPU, if there is one
constexpr long min_sleep_ns = 50'000, max_sleep_ns = 1'000'000;
constexpr int sleeps_per_length = 8; // then the length doubles

} // namespace

[[gnu::cold, gnu::noinline]] void backoff::operator()() noexcept {
    int const saved_errno = errno;
    int const sleeps = rounds_++ - yields;
    if (sleeps < 0) {
        ::sched_yield();
    } else {
        timespec const sleep{0,
                             std::min(min_sleep_ns << std::min(sleeps / sleeps_per_length, 8), max_sleep_ns)};
        // A raw call: the caller may hold a spinlock, and nanosleep() may belong to the hook library, which
        // parks.
        ::syscall(SYS_nanosleep, &sleep, nullptr);
    }
    errno = saved_errno;
}

} // namespace fiber::rt
