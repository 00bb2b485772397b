// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/base/membarrier.hpp"

#include "runtime/base/fatal.hpp"

#include <cerrno>
#include <cstring>
#include <sys/syscall.h>
#include <unistd.h>

namespace fiber::rt {
namespace {

long call_kernel(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0); }

} // namespace

bool register_membarrier(int command) noexcept { return call_kernel(command) == 0; }

void membarrier(int command) noexcept {
    int const saved_errno = errno;
    if (call_kernel(command) != 0)
        fatal(
            "membarrier(2), which worked when the runtime started, is refused now (%s); a filter for system "
            "calls that forbids it must be in force before the first fiber is started",
            std::strerror(errno));
    errno = saved_errno;
}

} // namespace fiber::rt
