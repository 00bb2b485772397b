// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// processor.hpp: the right to run fibers (Go's P), with all that is kept per processor so that it needs no
// lock and no atomic read-modify-write.
//   owned by  the machine whose `p` it is, which alone calls what is not marked "any"; while that one is outside of
//             the runtime, by whoever has broken its lease: machine.hpp
#pragma once

#include "runtime/base/counters.hpp"
#include "runtime/base/random.hpp"
#include "runtime/base/relaxed.hpp"
#include "runtime/sched/fiber_list.hpp"
#include "runtime/sched/fiber_pool.hpp"
#include "runtime/stack/stack_cache.hpp"
#include "runtime/time/timer_heap.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace fiber::rt {

struct machine;

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

private:
    static constexpr unsigned most_next_in_a_row = 128;
    static constexpr unsigned ticks_between_looks = 61;

    relaxed<fiber*> next_{nullptr};
    relaxed<unsigned> next_in_a_row_left_{most_next_in_a_row};
    relaxed<unsigned> ticks_to_look_{ticks_between_looks};

public:
    fiber_list queue;
    counter tick; // switches to fibers so far: its change shows others that the processor moves on
    counter started, ended, parks, steals; // fibers, times
    resources idle;
    timer_heap timers;
    random_bits random;

    // Any: who holds it; null or outdated while it changes hands.
    [[nodiscard]] machine* owner() const noexcept {
        return owner_.load(std::memory_order_acquire);
    } // [owner]
    void set_owner(machine& m) noexcept {
        owner_.store(&m, std::memory_order_release);
    } // [owner] m is complete

    // The fiber that was made runnable last runs next. It is put here and not into the queue since what woke
    // it is still in the cache, and since a wake-up is no reason to wake another machine: that takes 25 µs.
    // Returns the one that was there before.
    [[nodiscard]] fiber* put_next(fiber& g) noexcept {
        fiber* const before = next_;
        next_ = &g;
        return before;
    }
    [[nodiscard]] fiber* take_next() noexcept {
        fiber* const g = next_;
        if (g != nullptr)
            next_ = nullptr;
        return g;
    }
    [[nodiscard]] bool has_next() const noexcept { return next_ != nullptr; }             // any; a guess
    [[nodiscard]] bool has_work() const noexcept { return has_next() || !queue.empty(); } // any; a guess

    // Any; a guess: whether more than one fiber waits here.
    [[nodiscard]] bool has_backlog() const noexcept { return queue.size() > (has_next() ? 0u : 1u); }

    // What to run from here: `next`, so long as it does not keep the queue waiting for good, else the queue's
    // first.
    [[nodiscard]] fiber* take_local() noexcept {
        if (fiber* const g = next_) {
            unsigned const left = next_in_a_row_left_;
            if (left != 0 || queue.empty()) {
                next_in_a_row_left_ = left - (left != 0);
                next_ = nullptr;
                return g;
            }
        }
        next_in_a_row_left_ = most_next_in_a_row;
        return queue.pop();
    }
    // Any, as a request: two fibers that wake each other have kept the queue waiting for a slice.
    void end_slice() noexcept { next_in_a_row_left_ = 0; }

    // True after so many ticks, until looked(): time to look at more than what is here. Prime, so as not to fall
    // in step with a program's own rhythm; Go's number.
    [[nodiscard]] bool time_to_look() noexcept {
        unsigned const left = ticks_to_look_;
        if (left == 0) [[unlikely]]
            return true;
        ticks_to_look_ = left - 1;
        return false;
    }
    void looked() noexcept { ticks_to_look_ = ticks_between_looks; }
    void look_soon() noexcept { ticks_to_look_ = 0; } // any, as a request

    // Half of the queue, rounded up, the oldest first; not so many that walking over them takes long.
    [[nodiscard]] fiber_list take_half() noexcept {
        constexpr std::size_t most = 128;
        return queue.pop(std::min(queue.size() - queue.size() / 2, most));
    }

    // By those who consider taking something away: whether it has made no switch since the last such look.
    [[nodiscard]] bool stands_still() noexcept {
        auto const now = tick.read();
        bool const still = now == tick_at_last_look_;
        tick_at_last_look_ = now;
        return still;
    }

private:
    std::atomic<machine*> owner_{nullptr};
    relaxed<std::uint64_t> tick_at_last_look_{0};
};

} // namespace fiber::rt
