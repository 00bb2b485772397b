// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// global_queue.hpp: runnable fibers that are on no processor: made so by OS threads and other runtimes, or
// offered by a processor that has more than it needs to one that has none.
#pragma once

#include "runtime/base/cpu_relax.hpp"
#include "runtime/base/spinlock.hpp"
#include "runtime/sched/fiber_list.hpp"

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <utility>

namespace fiber::rt {

class alignas(cache_line) global_queue {
public:
    [[nodiscard]] bool empty() const noexcept {
        return list_.empty() && shared_.empty();
    } // a guess, as the next
    [[nodiscard]] std::size_t size() const noexcept { return list_.size() + shared_.size(); }

    void push(fiber& g) noexcept {
        std::lock_guard const hold(lock_);
        list_.push(g);
    }
    void push(fiber_list&& list) noexcept {
        std::lock_guard const hold(lock_);
        list_.push(std::move(list));
    }
    // By a processor that was asked.
    void push_shared(fiber_list&& list) noexcept {
        std::lock_guard const hold(lock_);
        shared_.push(std::move(list));
    }
    // For one of so many processors, which has others, too: the first. But where so many stand behind it that they would wait
    // long to come in one by one, a fair share. While there are both, from those offered and from the others in turn: neither
    // may keep the other waiting for good.
    [[nodiscard]] fiber_list pop_one_or_batch(unsigned processors) noexcept {
        if (empty())
            return {};
        std::lock_guard const hold(lock_);
        fiber_list& from = shared_.empty() || (!list_.empty() && popped_shared_) ? list_ : shared_;
        popped_shared_ = &from == &shared_;
        return from.pop(from.size() > max_at_once ? fair_share(from, processors) : 1);
    }
    // For one of so many processors, which has nothing: what was offered, whole, since a list is not divided without a
    // walk over it; else a fair share.
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
    bool popped_shared_ = false; // by the last turn
};

} // namespace fiber::rt
