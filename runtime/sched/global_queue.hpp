// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// global_queue.hpp: runnable fibers that are on no processor: made so by OS threads and other runtimes, or
// overflowed.
#pragma once

#include "runtime/base/cpu_relax.hpp"
#include "runtime/base/spinlock.hpp"
#include "runtime/sched/fiber.hpp"

#include <atomic>
#include <cstddef>
#include <mutex>

namespace fiber::rt {

class alignas(cache_line) global_queue {
public:
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::size_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);
    } // a guess

    void push(fiber& g) noexcept { push_list(g, g, 1); }

    // A list of n, linked from first to last.
    void push_list(fiber& first, fiber& last, std::size_t n) noexcept {
        last.link = nullptr;
        std::lock_guard const hold(lock_);
        (first_ == nullptr ? first_ : last_->link) = &first;
        last_ = &last;
        size_.store(size() + n, std::memory_order_relaxed); // under the lock
    }

    // Takes up to n out, linked; null: it is empty.
    [[nodiscard]] fiber* pop_list(std::size_t n) noexcept {
        if (empty())
            return nullptr;
        std::lock_guard const hold(lock_);
        fiber* const list = first_;
        fiber* last = nullptr;
        std::size_t taken = 0;
        for (; taken < n && first_ != nullptr; ++taken) {
            last = first_;
            first_ = first_->link;
        }
        if (last != nullptr)
            last->link = nullptr;
        size_.store(size() - taken, std::memory_order_relaxed); // under the lock
        return list;
    }

private:
    spinlock<lock_rank::global_queue> lock_; // guards the list
    fiber* first_ = nullptr;
    fiber* last_ = nullptr;
    std::atomic<std::size_t> size_{0};
};

} // namespace fiber::rt
