// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// futex.cpp: the futex calls of the kernel; they preserve errno.
#include "runtime/base/lock/futex.hpp"

#include <cerrno>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fiber::rt {

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                clock::time_point deadline) noexcept {
    timespec until{};
    timespec* timeout = nullptr;
    if (deadline != never) {
        // The steady clock of libstdc++ and libc++ is CLOCK_MONOTONIC. FUTEX_WAIT_BITSET takes its
        // absolute time.
        auto const since_boot =
            std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count();
        until.tv_sec = static_cast<time_t>(since_boot / 1'000'000'000);
        until.tv_nsec = static_cast<long>(since_boot % 1'000'000'000);
        timeout = &until;
    }
    int const saved_errno = errno;
    ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, timeout, nullptr,
              FUTEX_BITSET_MATCH_ANY);
    errno = saved_errno;
}

void futex_wake_one(std::atomic<std::uint32_t>& word) noexcept {
    int const saved_errno = errno;
    ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    errno = saved_errno;
}

} // namespace fiber::rt
