// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// global_queue.hpp: runnable fibers that are on no processor: made so by OS threads and other runtimes, or
// offered by a processor that has more than it needs to one that has none.
#pragma once

#include "runtime/base/cpu_relax.hpp"
#include "runtime/base/spinlock.hpp"
#include "runtime/sched/fiber_list.hpp"

#include <cstddef>
#include <mutex>
#include <utility>

namespace fiber::rt {

class alignas(cache_line) global_queue {
public:
    [[nodiscard]] bool empty() const noexcept { return list_.empty(); } // a guess, as the next
    [[nodiscard]] std::size_t size() const noexcept { return list_.size(); }

    void push(fiber& g) noexcept {
        std::lock_guard const hold(lock_);
        list_.push(g);
    }
    void push(fiber_list&& list) noexcept {
        std::lock_guard const hold(lock_);
        list_.push(std::move(list));
    }
    [[nodiscard]] fiber_list pop(std::size_t n) noexcept {
        if (empty())
            return {};
        std::lock_guard const hold(lock_);
        return list_.pop(n);
    }

private:
    spinlock<lock_rank::global_queue> lock_; // guards the list
    fiber_list list_;
};

} // namespace fiber::rt
