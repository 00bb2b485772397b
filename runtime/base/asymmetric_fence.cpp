// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/base/asymmetric_fence.hpp"

#include "runtime/base/fatal.hpp"

#include <cerrno>
#include <cstring>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fiber::rt {
namespace {

long membarrier(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0); }

} // namespace

void choose_fences() noexcept {
    // Once it is refused it stays so: threads that rely on full fences are running already.
    static bool const registered = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
    fences_are_asymmetric.store(registered, std::memory_order_relaxed); // threads are started after this
}

void heavy_fence() noexcept {
    if (!fences_are_asymmetric.load(std::memory_order_relaxed)) { // as in light_fence
        full_fence();
        return;
    }
    int const saved_errno = errno;
    if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0)
        fatal(
            "membarrier(2), which worked when the runtime started, is refused now (%s); a filter for system "
            "calls that forbids it must be in force before the first fiber is started",
            std::strerror(errno));
    errno = saved_errno;
}

} // namespace fiber::rt
