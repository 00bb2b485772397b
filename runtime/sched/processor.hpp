// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// processor.hpp: the right to run fibers (Go's P), with all that is kept per processor so that it needs no
// lock and no atomic read-modify-write.
//   owned by  the machine whose `p` it is, which alone calls what is not marked "any"; while that one is outside of
//             the runtime, by whoever has broken its lease: machine.hpp
#pragma once

#include "runtime/base/clock.hpp"
#include "runtime/base/counters.hpp"
#include "runtime/base/random.hpp"
#include "runtime/base/relaxed.hpp"
#include "runtime/sched/fiber_list.hpp"
#include "runtime/sched/fiber_pool.hpp"
#include "runtime/sched/load_monitor.hpp"
#include "runtime/sched/spawn_batch.hpp"
#include "runtime/sched/stride_prefetcher.hpp"
#include "runtime/sched/time_share.hpp"
#include "runtime/stack/stack_cache.hpp"
#include "runtime/time/timer_heap.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace fiber::rt {

struct machine;

// Free records and stacks. Each processor has one, and each scheduler one more, under a lock, for callers
// without.
struct resources {
    resources(stack_class& usual, stack_class& threads)
        : stacks{stack_cache(usual, stack_cache::default_limits),
                 stack_cache(threads, stack_cache::thread_limits)},
          for_threads(&usual == &threads ? stack_source::usual : stack_source::thread) {}

    // Not for stacks from the depot.
    [[nodiscard]] stack_cache& stacks_from(stack_source s) noexcept {
        return stacks[static_cast<std::size_t>(s)];
    }
    [[nodiscard]] stack_source source_of(stack_class const& c) const noexcept {
        return &c == &stacks[0].size_class()   ? stack_source::usual
               : &c == &stacks[1].size_class() ? stack_source::thread
                                               : stack_source::depot;
    }
    void return_idle_stacks() noexcept {
        for (stack_cache& s : stacks)
            s.return_idle();
    }

    fiber_cache fibers;
    std::array<stack_cache, 2> stacks;
    stack_source const for_threads; // the two sizes may be the same
};

// What runs next, in this order:
//   next       the fiber made runnable last by another that runs here: what woke it is still in the cache. But chains of
//              them share the processor with those of the queue by time: time_share.hpp
//   slice      fibers that were started here and have not run yet: those of the fiber that ran last before those that
//              were there already, so that a tree of fibers is worked off in depth, with few stacks; each one's
//              children in the order in which it started them
//   queue      all others, first in, first out
// The first two share a slice, so that they cannot keep the queue waiting for good: when it is over, `slice` goes to
// the end of the queue.
class alignas(cache_line) processor {
public:
    processor(unsigned index_, stack_class& default_stacks, stack_class& thread_stacks)
        : index(index_), idle(default_stacks, thread_stacks), random(index_ + 1) {}

    unsigned const index;

private:
    // About 50 µs of the shortest switches. Fewer make skynet (perf/work) use more stacks; sysmon ends slices of
    // longer ones.
    static constexpr unsigned switches_a_slice = 1024;
    static constexpr unsigned ticks_between_polls = 61;
    // Of chains with slow turns, which make few ticks: timers and the global queue, too, are looked at by time.
    static constexpr auto time_between_polls = std::chrono::microseconds(250);

    relaxed<fiber*> next_{nullptr};
    relaxed<std::uint64_t> slice_end_{switches_a_slice}; // ticks, as the next
    relaxed<std::uint64_t> next_poll_{ticks_between_polls};
    std::uint64_t next_sample_ = 0; // ticks
    clock::time_point round_began_{};
    clock::time_point next_timed_poll_{};
    relaxed<bool> share_requested_{false};
    fiber_list queue_;
    fiber_list slice_;
    fiber_list children_; // of the running fiber: to be the front of slice_
    spawn_batch spawned_; // the last of them
    time_share share_;

public:
    load_monitor monitor;
    counter started, ended, parks; // fibers, times
    counter shared_out;            // times it gave fibers away when it was asked
    counter stolen;                // times it took fibers of another that did not move on
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

    // A fiber that was woken. One that was in `next` before goes to the queue.
    void push_next(fiber& g) noexcept {
        if (fiber* const before = next_)
            queue_.push(*before);
        else if (queue_.is_cold()) [[unlikely]]
            prefetcher_.observe(g);
        next_ = &g;
    }
    void push_spawned(fiber& g) noexcept {
        if (spawned_.full()) [[unlikely]]
            children_.push(spawned_.take());
        spawned_.push(g);
    }
    void push_back(fiber& g) noexcept { queue_.push(g); }
    void push_back(fiber_list&& list) noexcept { queue_.push(std::move(list)); }
    void push_remote(fiber_list&& list) noexcept { queue_.push_remote(std::move(list)); }
    void push_expired(fiber_list&& list) noexcept { queue_.push_expired(std::move(list)); }

    // Whether g, which has not run yet, is one of those here that are found without a search: the first to be run, and
    // the one started last.
    [[nodiscard]] bool holds(fiber const& g) const noexcept {
        return spawned_.ends_with(g) || spawned_.begins_with(g) || children_.begins_with(g) ||
               slice_.begins_with(g);
    }

    // Any; guesses.
    [[nodiscard]] std::size_t waiting() const noexcept { return queued() + (next_ != nullptr ? 1 : 0); }
    [[nodiscard]] std::size_t queued() const noexcept {
        return queue_.size() + slice_.size() + children_.size() + spawned_.size();
    }
    [[nodiscard]] fiber* take_local() noexcept {
        fiber* const g = next_;
        auto const now = monitor.ticks.own_value();
        if (g == nullptr || share_.is_due(now) || now >= slice_end_) [[unlikely]]
            return pop_slow();
        next_ = nullptr;
        return g;
    }
    // For the running fiber, which yields, when only the queue has others: it goes to the end, the first one comes, and its
    // switch is counted. Null, and nothing done: that is not so, or there is more to look at; or some have to be fetched
    // ahead, for which it has to be called as `fetching`, since that takes registers.
    enum class rotation { plain, fetching };
    template <rotation kind>
    [[nodiscard, gnu::always_inline]] fiber* rotate_fast(fiber& g) noexcept {
        auto const now = monitor.ticks.own_value();
        auto const fresh = spawned_.size() | children_.size() | slice_.size(); // one branch
        fiber* const first = queue_.first();
        if (kind == rotation::plain && queue_.needs_prefetch()) [[unlikely]]
            return nullptr;
        if (now >= next_poll_ || next_ != nullptr || fresh != 0 || first == nullptr || first->pinned ||
            time_share::was_measured(*first) || first->stack == nullptr)
            return nullptr;
        queue_.rotate(g, kind == rotation::fetching);
        slice_end_ = now + switches_a_slice;
        monitor.ticks.increment_from(now);
        return first;
    }
    [[nodiscard]] std::uint64_t slice() const noexcept {
        return slice_end_;
    }                                             // any: another one for each that begins
    void end_slice() noexcept { slice_end_ = 0; } // any, as a request

    // True after so many ticks, until polled(): time to look at more than what is here. Prime, so as not to fall
    // in step with a program's own rhythm; Go's number.
    [[nodiscard]] bool time_to_poll() const noexcept { return monitor.ticks.own_value() >= next_poll_; }
    void polled() noexcept { next_poll_ = monitor.ticks.own_value() + ticks_between_polls; }
    void poll_soon() noexcept { next_poll_ = 0; } // any, as a request

    // How long ago this was last asked.
    [[nodiscard]] clock::duration round_time(clock::time_point now) noexcept {
        return now - std::exchange(round_began_, now);
    }

    // Whether it is worth a look at how many fibers live: at each other processor's lines, so the more of those, the rarer.
    [[nodiscard]] bool time_to_sample() const noexcept { return monitor.ticks.own_value() >= next_sample_; }
    void sample_live_fibers(std::uint64_t live, unsigned processors) noexcept {
        constexpr std::uint64_t max_warm = 2048; // their pages: as many translations as a CPU of today keeps
        constexpr std::uint64_t ticks_a_processor = 2048;
        for (fiber_list* const list : {&children_, &slice_, &queue_})
            list->set_cold(live > max_warm);
        next_sample_ = monitor.ticks.own_value() + ticks_a_processor * processors;
    }

    // Half of one of the lists, rounded up, for another processor: the oldest of the queue; without a queue, those at
    // the root of a tree rather than its leaves. Not so many that walking over them takes long. Of many children, those
    // started last: no walk, and there will soon be as many again.
    [[nodiscard]] fiber_list take_half() noexcept {
        constexpr std::size_t many = 32, most = 128;
        if (!queue_.empty())
            return queue_.pop(std::min(half(queue_.size()), most));
        if (slice_.empty()) {
            if (spawned_.size() >= many)
                return spawned_.take();
            children_.push(spawned_.take());
        }
        fiber_list& from = slice_.empty() ? children_ : slice_;
        std::size_t const n = half(from.size());
        return n <= most ? from.pop_back(n) : from.pop(most);
    }
    [[nodiscard]] fiber* take_next() noexcept {
        fiber* const g = next_;
        next_ = nullptr;
        return g;
    }

    // Any, as a request: that it give away half of what waits here; or not, after all.
    void request_share() noexcept {
        share_requested_ = true;
        poll_soon();
    }
    void clear_share_request() noexcept { share_requested_ = false; }
    [[nodiscard]] bool share_requested() const noexcept { return share_requested_; }

    // By a machine that considers taking fibers away. Returns true if the processor has made no switch, started nothing
    // and given nothing away since the last such look. One that starts or wakes fibers offers some by itself.
    [[nodiscard]] bool stands_still() noexcept {
        auto const now = monitor.ticks.read() + started.read() + shared_out.read();
        bool const still = now == signs_at_last_check_;
        signs_at_last_check_ = now;
        return still;
    }

private:
    // A function of its own, so that the usual way needs to save no registers.
    [[nodiscard, gnu::noinline]] fiber* pop_slow() noexcept {
        if (monitor.ticks.own_value() >= slice_end_) {
            queue_.push(std::move(slice_));
            queue_.push(std::move(children_));
            queue_.push(spawned_.take());
            begin_slice();
            if (!queue_.empty())
                return next_ != nullptr ? &check_clock() : take_queued();
        }
        if (next_ != nullptr)
            return share_.is_due(monitor.ticks.own_value()) ? &check_chain() : take_next();
        if (spawned_.size() == 1 && children_.empty()) { // as below, in less time
            share_.begin(monitor.ticks.own_value());
            return &spawned_.take_only();
        }
        children_.push(spawned_.take());
        if (fiber* const g = children_.pop()) {
            children_.push(std::move(slice_));
            slice_.push(std::move(children_));
            share_.begin(monitor.ticks.own_value());
            return g;
        }
        if (fiber* const g = slice_.pop()) {
            share_.begin(monitor.ticks.own_value());
            return g;
        }
        begin_slice();
        return take_queued();
    }
    [[nodiscard]] fiber* take_queued() noexcept {
        auto const ticks = monitor.ticks.own_value();
        fiber* g = queue_.first();
        if (g != nullptr && time_share::was_measured(*g)) [[unlikely]] {
            g = &share_.take(queue_, ticks, clock::now());
        } else {
            share_.begin(ticks);
            g = queue_.pop();
        }
        if (queue_.empty())
            monitor.queue_is_empty();
        return g;
    }
    [[nodiscard, gnu::noinline]] fiber& check_chain() noexcept {
        bool const was_last = queue_.size() == 1;
        fiber* const g = share_.check(*next_, queue_, monitor.ticks.own_value());
        if (g == nullptr)
            return check_clock();
        next_ = nullptr;
        if (was_last)
            monitor.queue_is_empty();
        return *g;
    }
    [[nodiscard]] fiber& check_clock() noexcept {
        auto const now = clock::now();
        if (now >= next_timed_poll_) {
            next_timed_poll_ = now + time_between_polls;
            poll_soon();
        }
        bool const was_last = queue_.size() == 1;
        fiber& next = *take_next();
        fiber& g = share_.check(next, queue_, monitor.ticks.own_value(), now);
        if (was_last && &g != &next)
            monitor.queue_is_empty();
        return g;
    }
    void begin_slice() noexcept { slice_end_ = monitor.ticks.own_value() + switches_a_slice; }
    static std::size_t half(std::size_t n) noexcept { return n - n / 2; }

    std::atomic<machine*> owner_{nullptr};
    relaxed<std::uint64_t> signs_at_last_check_{0};
    stride_prefetcher prefetcher_; // of those that went straight to `next`
};

} // namespace fiber::rt
