// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// membarrier.cpp: calls membarrier(2), and registers its commands.
#include "runtime/base/atomics/membarrier.hpp"

#include "runtime/base/process/fatal.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fiber::rt {
namespace {

constinit std::atomic<std::uint64_t> issued{0};

long call_kernel(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0); }

[[nodiscard]] int registration_of(int command) noexcept {
    return command == MEMBARRIER_CMD_PRIVATE_EXPEDITED ? MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED
                                                       : MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ;
}

// Returns true if the command works after a second registration. The address space holds the
// registration, and loses it if the address space is built anew, for example when a process is
// restored from a checkpoint.
[[nodiscard]] bool retry_registered(int command) noexcept {
    return errno == EPERM && call_kernel(registration_of(command)) == 0 && call_kernel(command) == 0;
}

} // namespace

std::uint64_t membarrier_count() noexcept { return issued.load(std::memory_order_relaxed); } // a statistic

bool register_membarrier(int command) noexcept { return call_kernel(command) == 0; }

void membarrier(int command) noexcept {
    int const saved_errno = errno;
    issued.fetch_add(1, std::memory_order_relaxed); // relaxed: a statistic
    if (call_kernel(command) != 0 && !retry_registered(command))
        fatal(
            "membarrier(2), which worked when the runtime started, is refused now (%s); a filter for system "
            "calls that forbids it must be in force before the first fiber is started",
            std::strerror(errno));
    errno = saved_errno;
}

} // namespace fiber::rt
