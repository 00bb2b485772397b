// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How others get at what is an owner's alone while it is busy elsewhere. An owner that enters stores and loads, a
// taker stores, has the kernel put a fence into every running thread, and loads: one of them sees the other.
#pragma once

#include "perf/rivals/queues/item.hpp"

#include <atomic>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace perf::queues {

class lease {
public:
    void enter() noexcept {
        inside_.store(true, std::memory_order_relaxed);
        std::atomic_signal_fence(std::memory_order_seq_cst); // the taker's fence makes it a full one
        while (claimed_.load(std::memory_order_acquire))
            [[unlikely]] relax();
    }
    void leave() noexcept { inside_.store(false, std::memory_order_release); }

    // Calls use() while the owner is outside. False, and nothing done: it is inside, or others are at it, or this
    // kernel has no such fence.
    template <class Use>
    bool break_it(Use const& use) noexcept {
        static bool const possible = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
        if (!possible || inside_.load(std::memory_order_relaxed) ||
            taking_.exchange(true, std::memory_order_acquire))
            return false;
        claimed_.store(true, std::memory_order_relaxed);
        bool const taken =
            membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) && !inside_.load(std::memory_order_acquire);
        if (taken)
            use();
        claimed_.store(false, std::memory_order_release);
        taking_.store(false, std::memory_order_release);
        return taken;
    }

private:
    static bool membarrier(int command) noexcept { return syscall(SYS_membarrier, command, 0, 0) == 0; }

    std::atomic<bool> inside_{false};
    alignas(cache_line) std::atomic<bool> claimed_{false}; // takers'
    std::atomic<bool> taking_{false};
};

} // namespace perf::queues
