// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// run_queue.hpp: a processor's queue of runnable fibers: a fiber_list, and a queue_prefetcher beside it.
// Only the owner of the processor calls it, except size() and empty(): fiber_list.hpp.
#pragma once

#include "runtime/sched/fiber_list.hpp"
#include "runtime/sched/queue_prefetcher.hpp"
#include "runtime/sched/spawn_batch.hpp"

#include <cstddef>
#include <utility>

namespace fiber::rt {

class run_queue {
public:
    [[nodiscard]] std::size_t size() const noexcept { return fibers_.size(); }
    [[nodiscard]] bool empty() const noexcept { return fibers_.empty(); }
    [[nodiscard]] fiber* first() const noexcept { return fibers_.first(); } // null if the queue is empty

    void set_cold(bool cold) noexcept { prefetcher_.set_cold(cold); }
    [[nodiscard]] bool is_cold() const noexcept { return prefetcher_.is_cold(); }
    [[nodiscard]] bool needs_prefetch() const noexcept { return prefetcher_.is_needed(fibers_); }

    void push(fiber& g) noexcept { fibers_.push(g); }
    void push(fiber_list&& list) noexcept { fibers_.push(std::move(list)); }
    // Enqueues fibers of another processor.
    void push_remote(fiber_list&& list) noexcept {
        prefetcher_.before_remote(fibers_, list.size());
        fibers_.push(std::move(list));
    }
    // Enqueues fibers of expired timers, in a long cold queue at the front.
    void push_expired(fiber_list&& list) noexcept {
        if (prefetcher_.before_expired(fibers_, list)) [[unlikely]]
            fibers_.push_front(std::move(list));
        else
            fibers_.push(std::move(list));
    }

    [[nodiscard]] fiber* pop() noexcept {
        fiber* const g = fibers_.pop();
        if (g != nullptr) {
            prefetcher_.after_pop();
            if (g->stack == nullptr)
                spawn_batch::prefetch_later(*g);
            else
                prefetcher_.prefetch(fibers_);
        }
        return g;
    }
    // Moves g to the end and removes first(), as push(g) and pop() do. The queue must not be empty, and
    // first() must not be fresh. Prefetches only if `fetch`.
    void rotate(fiber& g, bool fetch) noexcept {
        fibers_.rotate(g);
        if (fetch) {
            prefetcher_.after_pop();
            prefetcher_.prefetch(fibers_);
        }
    }
    // Removes and returns the first n fibers, or all if there are fewer. Prefetches nothing: another
    // processor will run them.
    [[nodiscard]] fiber_list pop(std::size_t n) noexcept { return fibers_.pop(n); }

private:
    fiber_list fibers_;
    queue_prefetcher prefetcher_;
};

} // namespace fiber::rt
