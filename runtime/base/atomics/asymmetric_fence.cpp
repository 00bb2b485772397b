// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// asymmetric_fence.cpp: chooses the kind of fences, and executes the heavy one.
#include "runtime/base/atomics/asymmetric_fence.hpp"

#include "runtime/base/atomics/membarrier.hpp"

#include <linux/membarrier.h>
#include <utility>

namespace fiber::rt {

namespace {

constinit bool chosen = false; // guarded by the lock of runtimes that start, which fork() takes

} // namespace

void choose_fences() noexcept {
    // If the kernel has refused once, that result stays: threads that rely on full fences are
    // running already.
    if (std::exchange(chosen, true))
        return;
    bool const registered = register_membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    fences_are_asymmetric.store(registered, std::memory_order_relaxed); // relaxed: threads are started later
}

void heavy_fence() noexcept {
    if (fences_are_asymmetric.load(std::memory_order_relaxed)) // relaxed: as in light_fence
        membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    else
        full_fence();
}

} // namespace fiber::rt
