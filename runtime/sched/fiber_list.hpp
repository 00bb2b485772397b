// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber_list.hpp: a first-in, first-out queue of runnable fibers. The fibers themselves hold the links, so
// the queue has no size limit and allocates no memory.
//   invariant  size() fibers are linked by `next` from first_ to last_; no other queue holds them
//   callers    the owner: a processor's machine, or the holder of a lock.
//              size() and empty() may be called from any thread; the result is then a guess
#pragma once

#include "runtime/base/atomics/relaxed.hpp"
#include "runtime/base/process/assert.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/stack/stack.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace fiber::rt {

class fiber_list {
public:
    fiber_list() = default;
    explicit fiber_list(fiber& alone) noexcept { push(alone); }
    // Takes over n fibers that are linked from first to last. last.next must be null.
    fiber_list(fiber& first, fiber& last, std::size_t n) noexcept : first_(&first), last_(&last), size_(n) {}
    fiber_list(fiber_list&& other) noexcept : first_(other.first_), last_(other.last_), size_(other.size()) {
        other.clear();
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

    // Sets whether most fibers will have left the caches when they come out. If so, pop and rotate
    // prefetch.
    void set_cold(bool cold) noexcept { cold_ = cold; }
    [[nodiscard]] bool is_cold() const noexcept { return cold_; }

    [[nodiscard]] bool begins_with(fiber const& g) const noexcept { return first_ == &g; }

    void push(fiber& g) noexcept {
        g.next = nullptr;
        append(g, g, 1);
    }
    void push(fiber_list&& list) noexcept {
        if (list.empty())
            return;
        append(*list.first_, *list.last_, list.size());
        list.clear();
    }

    // Enqueues fibers of expired timers, and prefetches their stacks. Their records are in the cache.
    // In a long cold queue the fibers go to the front, or the prefetched lines would be evicted before the
    // fibers' turn. After such a batch of n, the next one may go to the front only after 2n pops. At least
    // n of these pops take other fibers, which keeps the queue fair. perf/run --rivals, sleepers
    void push_expired(fiber_list&& list) noexcept {
        if (cold_ && !list.empty()) [[unlikely]] {
            list.prefetch_stacks(list.size());
            if (is_long() && others_turn_ == 0) {
                fetched_ = list.size();
                others_turn_ = 2 * list.size();
                list.push(std::move(*this));
                first_ = list.first_;
                last_ = list.last_;
                size_ = list.size();
                list.clear();
                return;
            }
        }
        push(std::move(list));
    }

    // Enqueues fibers of another processor. This processor's cache does not have them, so pop() prefetches
    // even if the queue is short.
    void push_remote(fiber_list&& list) noexcept {
        if (empty())
            fetched_ = 0;
        remote_ = size() + list.size();
        push(std::move(list));
    }

    [[nodiscard]] fiber* pop() noexcept {
        fiber* const g = first_;
        if (g != nullptr) {
            first_ = g->next;
            size_ = size() - 1;
            note_popped();
            if (g->stack == nullptr)
                prefetch_later(*g);
            else
                prefetch_if_cold();
        }
        return g;
    }

    [[nodiscard]] bool needs_prefetch() const noexcept { return cold_ && (is_long() || remote_ != 0); }
    [[nodiscard]] fiber* first() const noexcept { return first_; } // null if the list is empty
    // Moves g to the end and removes first(), as push(g) and pop() do. The list must not be empty.
    // Prefetches only if `fetch`.
    void rotate(fiber& g, bool fetch) noexcept {
        fiber* const first = first_;
        g.next = nullptr;
        if (first == last_) { // as below, but does not load the link that was just stored: a yield of two
            first_ = &g;
        } else {
            last_->next = &g;
            first_ = first->next;
        }
        last_ = &g;
        if (fetch) {
            note_popped();
            prefetch_if_cold();
        }
    }

    // Removes and returns the first n fibers, or all if there are fewer.
    [[nodiscard]] fiber_list pop(std::size_t n) noexcept {
        if (n >= size())
            return std::move(*this);
        fiber_list taken;
        if (n == 0)
            return taken;
        fiber* last = first_;
        for (std::size_t i = 1; i < n; ++i)
            last = last->next;
        taken.append(*first_, *last, n);
        first_ = last->next;
        last->next = nullptr;
        size_ = size() - n;
        return taken;
    }

    // Removes and returns the last n fibers, or all if there are fewer. Walks over all the others.
    [[nodiscard]] fiber_list pop_back(std::size_t n) noexcept {
        fiber_list front = pop(size() - std::min(n, size()));
        fiber_list back = std::move(*this);
        push(std::move(front));
        return back;
    }

private:
    static constexpr std::size_t max_warm = 64;
    static constexpr std::size_t fetched_at_once = 16;

    // Returns true if a fiber that is enqueued at the end will have left the cache when it comes out.
    [[nodiscard]] bool is_long() const noexcept { return size() > max_warm; }

    void note_popped() noexcept {
        if (others_turn_ != 0) [[unlikely]]
            --others_turn_;
        if (remote_ != 0) [[unlikely]]
            --remote_;
    }

    // Prefetches the record that a fresh g names in `what`: spawn_batch.hpp. With a wait reason, `what` is
    // no record: time_share.cpp.
    static void prefetch_later(fiber const& g) noexcept {
        if (g.why != wait_reason::none) [[unlikely]]
            return;
        if (auto const* const later = static_cast<fiber const*>(static_cast<void const*>(g.what)))
            later->prefetch_all();
    }

    // Prefetches for the next fibers if needed. Among very many fibers each line of a record or a stack
    // is a cache miss, and each stack also a TLB miss, which takes longest. The lines are prefetched
    // for many fibers at a time, since a CPU serves several TLB misses at once if they follow each
    // other closely. perf/run --curve, yield
    void prefetch_if_cold() noexcept {
        if (!needs_prefetch()) [[likely]]
            return;
        if (fetched_ == 0) {
            prefetch_next();
            fetched_ = fetched_at_once;
        }
        --fetched_;
    }
    void prefetch_next() const noexcept {
        asm volatile(""); // or compilers drop calls: a prefetch is no side effect to them
        fiber const* g = prefetch_stacks(fetched_at_once);
        for (std::size_t i = 0; i < fetched_at_once && g != nullptr; ++i, g = g->next)
            g->prefetch();
    }
    // Prefetches the stacks of the first n fibers, or of all if there are fewer. Their records must be
    // in the cache. Returns the fiber after the last of them, or null.
    fiber const* prefetch_stacks(std::size_t n) const noexcept {
        fiber const* end = first_;
        for (; n > 0 && end != nullptr; --n, end = end->next)
            __builtin_prefetch(end->stack);
        for (fiber const* g = first_; g != end; g = g->next)
            if (stack const* const s = g->stack)
                prefetch_frames(*s);
        return end;
    }
    // Prefetches the frames through which most fibers will return. Ten cache lines hold the frames of a
    // wait with a deadline.
    static void prefetch_frames(stack const& s) noexcept {
        constexpr std::size_t max_bytes = 10 * cache_line;
        auto const* const end = reinterpret_cast<std::byte const*>(&s);
        auto const* const sp = static_cast<std::byte const*>(s.context.sp);
        for (std::size_t i = 0; i < max_bytes && sp + i < end; i += cache_line)
            __builtin_prefetch(sp + i);
        if (s.guard == guard_kind::canary) // the canary is checked when the fiber ends
            __builtin_prefetch(s.bottom());
    }

    void append(fiber& first, fiber& last, std::size_t n) noexcept {
        if (empty())
            first_ = &first;
        else
            last_->next = &first;
        last_ = &last;
        size_ = size() + n;
    }

    void clear() noexcept {
        first_ = nullptr;
        size_ = 0;
    }

    fiber* first_ = nullptr;
    fiber* last_ = nullptr;
    relaxed<std::size_t> size_{0};
    std::size_t remote_ = 0;      // all fibers of another processor are among this many at the front
    std::size_t fetched_ = 0;     // roughly how many fibers at the front have been prefetched
    std::size_t others_turn_ = 0; // pops until push_expired() may use the front again
    bool cold_ = false;
};

} // namespace fiber::rt
