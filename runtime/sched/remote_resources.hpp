// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// remote_resources.hpp: what callers that hold no processor of a scheduler share: OS threads, fibers of other
// runtimes.
#pragma once

#include "runtime/sched/processor.hpp"
#include "runtime/sched/scheduler.hpp"

#include <atomic>
#include <mutex>

namespace fiber::rt {

struct scheduler::remote_resources {
    remote_resources(stack_class& default_stacks, stack_class& thread_stacks)
        : idle(default_stacks, thread_stacks) {}

    // relaxed would do for the number; release for what it was preceded by: [count]
    void count_started() noexcept { started.fetch_add(1, std::memory_order_release); }

    std::mutex lock; // guards idle; a mutex, since caches call the kernel when they run dry
    resources idle;
    std::atomic<std::uint64_t> started{0};
};

} // namespace fiber::rt
