// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// queue_prefetcher.hpp: decides when a run queue prefetches the memory of the fibers that will run next.
//
// Among very many fibers each line of a record or a stack is a cache miss, and each stack also a TLB miss,
// which takes longest. The lines are prefetched for many fibers at a time, since a CPU serves several TLB
// misses at once if they follow each other closely. perf/run --curve, yield
#pragma once

#include "runtime/sched/fiber_list.hpp"
#include "runtime/stack/prefetch_frames.hpp"
#include "runtime/stack/stack.hpp"

#include <cstddef>
#include <cstdint>

namespace fiber::rt {

class queue_prefetcher {
public:
    // Sets whether most fibers will have left the caches when they come out of the queue.
    void set_cold(bool cold) noexcept { cold_ = cold; }
    [[nodiscard]] bool is_cold() const noexcept { return cold_; }

    // Returns true if the fibers that come out of the queue have to be prefetched.
    [[nodiscard]] bool is_needed(fiber_list const& queue) const noexcept {
        return cold_ && (is_long(queue) || remote_ != 0);
    }

    // Called before n fibers of another processor are enqueued. This processor's cache does not have
    // them, so they are prefetched even if the queue is short.
    void before_remote(fiber_list const& queue, std::size_t n) noexcept {
        if (queue.empty())
            fetched_ = 0;
        remote_ = queue.size() + n;
    }

    // Called before fibers of expired timers are enqueued: prefetches their stacks. Their records are in
    // the cache. Returns true if the fibers must go to the front.
    // In a long cold queue they do, or the prefetched lines would be evicted before the fibers' turn.
    // After such a batch of n, the next one may go to the front only after 2n pops. At least n of these
    // pops take other fibers, which keeps the queue fair. perf/run --rivals, sleepers
    [[nodiscard]] bool before_expired(fiber_list const& queue, fiber_list const& expired) noexcept {
        if (!cold_ || expired.empty()) [[likely]]
            return false;
        prefetch_stacks(expired.first(), expired.size());
        if (!is_long(queue) || others_turn_ != 0)
            return false;
        fetched_ = expired.size();
        others_turn_ = 2 * expired.size();
        return true;
    }

    // Called after one fiber has come out.
    void after_pop() noexcept {
        if (others_turn_ != 0) [[unlikely]]
            --others_turn_;
        if (remote_ != 0) [[unlikely]]
            --remote_;
    }

    // Prefetches for the next fibers if needed.
    void prefetch(fiber_list const& queue) noexcept {
        if (!is_needed(queue)) [[likely]]
            return;
        if (fetched_ == 0) {
            prefetch_next(queue.first());
            fetched_ = fetched_at_once;
        }
        --fetched_;
    }

private:
    static constexpr std::size_t max_warm = 64;
    static constexpr std::size_t fetched_at_once = 16;

    // Returns true if a fiber that is enqueued at the end will have left the cache when it comes out.
    [[nodiscard]] static bool is_long(fiber_list const& queue) noexcept { return queue.size() > max_warm; }

    static void prefetch_next(fiber const* first) noexcept {
        asm volatile(""); // or compilers drop calls: a prefetch is no side effect to them
        fiber const* g = prefetch_stacks(first, fetched_at_once);
        for (std::size_t i = 0; i < fetched_at_once && g != nullptr; ++i, g = g->next)
            g->prefetch();
    }
    // Prefetches the stacks of n fibers, or of all if there are fewer. Their records must be in the
    // cache. Returns the fiber after the last of them, or null.
    static fiber const* prefetch_stacks(fiber const* first, std::size_t n) noexcept {
        fiber const* end = first;
        for (; n > 0 && end != nullptr; --n, end = end->next)
            __builtin_prefetch(end->stack);
        for (fiber const* g = first; g != end; g = g->next)
            if (stack const* const s = g->stack)
                prefetch_stack(*s);
        return end;
    }
    static void prefetch_stack(stack const& s) noexcept {
        prefetch_frames(reinterpret_cast<std::uintptr_t>(s.context.sp), reinterpret_cast<std::uintptr_t>(&s));
        if (s.guard == guard_kind::canary) // the canary is checked when the fiber ends
            __builtin_prefetch(s.bottom());
    }

    std::size_t remote_ = 0;      // all fibers of another processor are among this many at the front
    std::size_t fetched_ = 0;     // roughly how many fibers at the front have been prefetched
    std::size_t others_turn_ = 0; // pops until expired fibers may go to the front again
    bool cold_ = false;
};

} // namespace fiber::rt
