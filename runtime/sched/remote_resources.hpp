// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// remote_resources.hpp: what the remote callers of a scheduler share. These hold no processor of it:
// they are OS threads, or fibers of other runtimes.
#pragma once

#include "runtime/sched/processor.hpp"

#include <atomic>
#include <mutex>

namespace fiber::rt {

struct remote_resources {
    remote_resources(stack_class& default_stacks, stack_class& thread_stacks)
        : idle(default_stacks, thread_stacks) {}

    // Counts a started fiber. For the number relaxed would do; release publishes what precedes it: [count]
    void count_started() noexcept { started.fetch_add(1, std::memory_order_release); }

    std::mutex lock; // guards idle. Not a spinlock: empty caches call the kernel under it
    resources idle;
    std::atomic<std::uint64_t> started{0};
};

} // namespace fiber::rt
