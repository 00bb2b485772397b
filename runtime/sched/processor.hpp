// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// processor.hpp: a processor is the right to run fibers (Go's P). It holds all data that is kept per
// processor, so that the use of the data needs no lock and no atomic read-modify-write.
//   owner     the machine that has it as `p`; or, while that machine is outside the runtime, the taker
//             that has revoked its lease: lease.hpp
//   callers   the owner alone, unless a function is marked "Any thread"
#pragma once

#include "runtime/base/atomics/counters.hpp"
#include "runtime/base/atomics/relaxed.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/base/platform/random.hpp"
#include "runtime/sched/fiber_list.hpp"
#include "runtime/sched/fiber_pool.hpp"
#include "runtime/sched/load_monitor.hpp"
#include "runtime/sched/run_queue.hpp"
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

// resources holds free records and stacks. Each processor has one. Each scheduler has one more,
// under a lock, for callers without a processor.
struct resources {
    resources(stack_class& usual, stack_class& threads)
        : stacks{stack_cache(usual, stack_cache::default_limits),
                 stack_cache(threads, stack_cache::thread_limits)},
          for_threads(&usual == &threads ? stack_source::usual : stack_source::thread) {}

    // Returns the cache of a source other than the depot.
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
    stack_source const for_threads; // `usual` if both sizes are the same
};

// A processor runs its fibers in this order:
//   next       The fiber that was woken last by a fiber that runs here: the data of the wake-up is still
//              in the cache. A chain of such fibers shares the processor with the queue by time:
//              time_share.hpp.
//   slice      Fibers that were started here and have not run yet. The children of the fiber that ran
//              last come before the fibers that were in the slice already, and stay in the order in
//              which they were started. A tree of fibers therefore runs depth first, with few
//              stacks.
//   queue      All others, first in, first out.
// `next` and `slice` together run for one time slice. When it ends, `slice` goes to the end of the
// queue, so that the queue does not starve.
class alignas(cache_line) processor {
public:
    processor(unsigned index_, stack_class& default_stacks, stack_class& thread_stacks)
        : index(index_), idle(default_stacks, thread_stacks), random(index_ + 1) {}

    unsigned const index;

private:
    // The length of a time slice: about 50 µs of the shortest switches. With fewer, skynet needs
    // more stacks (perf/workloads/skynet). sysmon ends a time slice of longer switches.
    static constexpr unsigned switches_a_slice = 1024;
    static constexpr unsigned ticks_between_polls = 61;
    // Chains with slow turns make few ticks. For them, timers and the global queue are also polled
    // by time.
    static constexpr auto time_between_polls = std::chrono::microseconds(250);

    relaxed<fiber*> next_{nullptr};
    relaxed<std::uint64_t> slice_end_{switches_a_slice};    // in ticks
    relaxed<std::uint64_t> next_poll_{ticks_between_polls}; // in ticks
    std::uint64_t next_sample_ = 0;                         // in ticks
    clock::time_point round_began_{};
    clock::time_point next_timed_poll_{};
    relaxed<bool> share_requested_{false};
    run_queue queue_;
    fiber_list slice_;
    fiber_list children_; // of the running fiber; they become the front of slice_
    spawn_batch spawned_; // the newest of these children
    time_share share_;

public:
    load_monitor monitor;
    counter started, ended, parks; // numbers of fibers, and of times that a fiber has parked
    counter shared_out;            // times that this processor has shared fibers on request
    counter published;             // times that the owner has offered fibers to idle machines
    counter stolen;                // times that this processor has stolen from one that stood still
    resources idle;
    timer_heap timers;
    random_bits random;

    // Returns the machine that holds the processor; null or outdated while the processor changes
    // machines. Any thread.
    [[nodiscard]] machine* owner() const noexcept {
        return owner_.load(std::memory_order_acquire); // [owner]
    }
    void set_owner(machine& m) noexcept {
        owner_.store(&m, std::memory_order_release); // [owner] m is complete
    }

    // Puts g, which was just woken, into `next`. A fiber that was there goes to the queue.
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

    // Returns true if g, which has not run yet, is found here without a search: as the first fiber
    // of a list, or as the fiber that was started last.
    [[nodiscard]] bool holds(fiber const& g) const noexcept {
        return spawned_.ends_with(g) || spawned_.begins_with(g) || children_.begins_with(g) ||
               slice_.begins_with(g);
    }

    // Return the number of runnable fibers here, with and without `next`. The results are guesses.
    // Any thread.
    [[nodiscard]] std::size_t waiting() const noexcept { return queued() + (next_ != nullptr ? 1 : 0); }
    [[nodiscard]] std::size_t queued() const noexcept {
        return queue_.size() + slice_.size() + children_.size() + spawned_.size();
    }
    // Takes the fiber that is to run next. Returns null if there is none.
    [[nodiscard]] fiber* take_local() noexcept {
        fiber* const g = next_;
        auto const now = monitor.ticks.own_value();
        if (g == nullptr || share_.is_due(now) || now >= slice_end_) [[unlikely]]
            return pop_slow();
        next_ = nullptr;
        return g;
    }
    // Fast path of yield, for the running fiber g. If the queue is the only source of work, moves g
    // to its end, counts the switch, and returns the first fiber of the queue. Otherwise returns
    // null and changes nothing. rotation::plain also returns null if stacks must be prefetched,
    // which would cost it registers.
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
    // Returns a number that is different for each time slice. Any thread.
    [[nodiscard]] std::uint64_t slice() const noexcept { return slice_end_; }
    // Requests the end of the time slice. Any thread.
    void end_slice() noexcept { slice_end_ = 0; }

    // Returns true from ticks_between_polls ticks after polled(), until the next polled(): then
    // timers, the poller and the global queue are to be polled. The number is Go's. It is prime, so
    // that polls do not fall in step with the program.
    [[nodiscard]] bool time_to_poll() const noexcept { return monitor.ticks.own_value() >= next_poll_; }
    void polled() noexcept { next_poll_ = monitor.ticks.own_value() + ticks_between_polls; }
    // Requests a poll. Any thread.
    void poll_soon() noexcept { next_poll_ = 0; }

    // Returns the time since the last call: one round, as timers.cpp counts it.
    [[nodiscard]] clock::duration round_time(clock::time_point now) noexcept {
        return now - std::exchange(round_began_, now);
    }

    // Returns true if the number of live fibers is to be sampled again. A sample reads the counters
    // of every processor, so the time between samples grows with the number of processors.
    [[nodiscard]] bool time_to_sample() const noexcept { return monitor.ticks.own_value() >= next_sample_; }
    void sample_live_fibers(std::uint64_t live, unsigned processors) noexcept {
        // One page for each fiber's stack: about the number of address translations that a CPU keeps.
        constexpr std::uint64_t max_warm = 2048;
        constexpr std::uint64_t ticks_a_processor = 2048;
        queue_.set_cold(live > max_warm);
        next_sample_ = monitor.ticks.own_value() + ticks_a_processor * processors;
    }

    // Takes half of one list, rounded up, for another processor. Takes at most 128 fibers, since it
    // walks over them:
    //   queue is not empty   the oldest fibers of the queue
    //   slice is not empty   the last fibers of the slice: the root of a tree rather than its leaves
    //   otherwise            the last children. A large batch of the newest children is taken whole:
    //                        this needs no walk, and the batch soon fills again.
    //
    // If half of the slice or of the children is more than 128, takes the first 128: the last ones
    // are a long walk away.
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

    // Requests that the processor give away half of its waiting fibers; clear_share_request()
    // withdraws this. Any thread.
    void request_share() noexcept {
        share_requested_ = true;
        poll_soon();
    }
    void clear_share_request() noexcept { share_requested_ = false; }
    [[nodiscard]] bool share_requested() const noexcept { return share_requested_; }

    // Returns the time since a call has first seen the processor in its present state: without another
    // switch, without another fiber started, shared or published. A thief calls it: a processor that starts
    // or wakes fibers shares some by itself.
    [[nodiscard]] clock::duration stands_still_for(clock::time_point now) noexcept {
        auto const signs = monitor.ticks.read() + started.read() + shared_out.read() + published.read();
        if (signs != signs_at_last_check_) {
            signs_at_last_check_ = signs;
            still_since_ = now;
        }
        clock::time_point const since = still_since_;
        return now - since;
    }

private:
    // noinline, so that take_local() has no registers to save.
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
        if (spawned_.size() == 1 && children_.empty()) { // the same as below, in less time
            share_.begin(monitor.ticks.own_value());
            return &spawned_.take_only();
        }
        children_.push(spawned_.take());
        if (fiber* const g = pop_fresh(children_)) {
            children_.push(std::move(slice_));
            slice_.push(std::move(children_));
            share_.begin(monitor.ticks.own_value());
            return g;
        }
        if (fiber* const g = pop_fresh(slice_)) {
            share_.begin(monitor.ticks.own_value());
            return g;
        }
        begin_slice();
        return take_queued();
    }
    [[nodiscard]] static fiber* pop_fresh(fiber_list& list) noexcept {
        fiber* const g = list.pop();
        if (g != nullptr)
            spawn_batch::prefetch_later(*g);
        return g;
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
    relaxed<clock::time_point> still_since_{};
    stride_prefetcher prefetcher_; // sees the fibers that go straight to `next`
};

} // namespace fiber::rt
