// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// global_queue.hpp: runnable fibers that are on no processor. OS threads and other runtimes have made them
// runnable, or a processor has shared them with processors that have none.
#pragma once

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/lock/spinlock.hpp"
#include "runtime/sched/fiber_list.hpp"

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <utility>

namespace fiber::rt {

class alignas(cache_line) global_queue {
public:
    // Both return a guess.
    [[nodiscard]] bool empty() const noexcept { return list_.empty() && shared_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return list_.size() + shared_.size(); }

    void push(fiber& g) noexcept {
        std::lock_guard const hold(lock_);
        list_.push(g);
    }
    void push(fiber_list&& list) noexcept {
        std::lock_guard const hold(lock_);
        list_.push(std::move(list));
    }
    // Enqueues fibers that a processor gives away because a share was requested.
    void push_shared(fiber_list&& list) noexcept {
        std::lock_guard const hold(lock_);
        shared_.push(std::move(list));
    }
    // Takes fibers for a processor that has others to run: the first fiber, or a fair share if more than
    // max_at_once wait, since these would wait for long to be taken one by one. Alternates between shared
    // fibers and the others while there are both: neither may keep the other waiting for good.
    [[nodiscard]] fiber_list pop_one_or_batch(unsigned processors) noexcept {
        if (empty())
            return {};
        std::lock_guard const hold(lock_);
        fiber_list& from = shared_.empty() || (!list_.empty() && popped_shared_) ? list_ : shared_;
        popped_shared_ = &from == &shared_;
        return from.pop(from.size() > max_at_once ? fair_share(from, processors) : 1);
    }
    // Takes fibers for a processor that has none: all shared fibers, since dividing a list takes a walk
    // over it. If there are none, takes a fair share of the others.
    [[nodiscard]] fiber_list pop_batch(unsigned processors) noexcept {
        if (empty())
            return {};
        std::lock_guard const hold(lock_);
        if (!shared_.empty())
            return std::move(shared_);
        return list_.pop(fair_share(list_, processors));
    }

private:
    static constexpr std::size_t max_at_once = 128;

    [[nodiscard]] static std::size_t fair_share(fiber_list const& of, unsigned processors) noexcept {
        return std::min(of.size() / processors + 1, max_at_once);
    }

    spinlock<lock_rank::global_queue> lock_; // guards the lists
    fiber_list list_;
    fiber_list shared_;
    bool popped_shared_ = false; // whether the last pop_one_or_batch() took shared fibers
};

} // namespace fiber::rt
