// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// processor.hpp: the right to run fibers (Go's P), with all that is kept per processor so that it needs no
// lock.
//   owned by  the machine whose `p` it is; that machine alone calls what is not marked "any"
#pragma once

#include "runtime/base/counters.hpp"
#include "runtime/base/random.hpp"
#include "runtime/sched/fiber_pool.hpp"
#include "runtime/sched/run_queue.hpp"
#include "runtime/stack/stack_cache.hpp"
#include "runtime/time/timer_heap.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

// Free records and stacks. Each processor has one, and each scheduler one more, under a lock, for callers
// without.
struct resources {
    explicit resources(stack_class& of) : stacks(of) {}
    fiber_cache fibers;
    stack_cache stacks;
};

class alignas(cache_line) processor {
public:
    processor(unsigned index_, stack_class& stacks) : index(index_), idle(stacks), random(index_ + 1) {}

    unsigned const index;
    counter tick; // switches to fibers so far: its change shows others that the processor moves on
    resources idle;
    run_queue queue;
    timer_heap timers;
    random_bits random;

    counter started, ended, parks, steals; // fibers, times

    // The fiber that was made runnable last runs next. It is put here and not into the queue since what woke
    // it is still in the cache, and since a wake-up is no reason to wake another machine: that takes 25 µs.
    // Returns the one that was there before.
    [[nodiscard]] fiber* put_next(fiber& g) noexcept {
        if (next_.load(std::memory_order_relaxed) == nullptr) { // only the owner makes it non-null
            next_.store(&g, std::memory_order_release);         // [next] whoever takes g sees all of it
            return nullptr;
        }
        return next_.exchange(&g, std::memory_order_acq_rel); // [next]
    }
    [[nodiscard]] fiber* take_next() noexcept { // any
        if (next_.load(std::memory_order_relaxed) == nullptr)
            return nullptr;
        return next_.exchange(nullptr, std::memory_order_acq_rel); // [next]
    }
    // Any; a guess, of which nothing but the pointer's value may be used.
    [[nodiscard]] fiber const* peek_next() const noexcept { return next_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool has_work() const noexcept {
        return peek_next() != nullptr || !queue.empty();
    } // any; a guess

    // By the owner: whether more than one fiber waits here.
    [[nodiscard]] bool has_backlog() const noexcept {
        return queue.size() > (peek_next() != nullptr ? 0u : 1u);
    }

    // What to run from here: `next`, so long as it does not keep the queue waiting for good, else the queue's
    // first.
    [[nodiscard]] fiber* take_local() noexcept {
        if (next_in_a_row_ < most_next_in_a_row) {
            if (fiber* const g = take_next()) {
                ++next_in_a_row_;
                return g;
            }
        }
        next_in_a_row_ = 0;
        fiber* const g = queue.pop();
        return g != nullptr ? g : take_next();
    }

private:
    // Two fibers that wake each other must not starve the queue: about 10 µs of such switches.
    static constexpr unsigned most_next_in_a_row = 128;

    std::atomic<fiber*> next_{nullptr};
    unsigned next_in_a_row_ = 0;
};

} // namespace fiber::rt
