// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber_list.hpp: runnable fibers in a row, first in, first out, linked through the fibers themselves: it has
// no limit and needs no memory.
//   invariant  size() fibers from first_ to last_ by link; nothing else holds them
//   callers    the owner: a processor's machine, or the holder of a lock. size, empty: any; a guess
#pragma once

#include "runtime/base/assert.hpp"
#include "runtime/base/relaxed.hpp"
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
    // So many, linked; the last one's link is null.
    fiber_list(fiber& first, fiber& last, std::size_t n) noexcept : first_(&first), last_(&last), size_(n) {}
    fiber_list(fiber_list&& other) noexcept : first_(other.first_), last_(other.last_), size_(other.size()) {
        other.clear();
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

    // Whether those that come to be here will mostly have left the caches: then pop and rotate fetch them ahead.
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

    // A few whose time has come: their records are in the cache, and what they run on gets there now. Where it would have
    // left it before their turn, they come first; and then at least as many of the others before it can happen again.
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

    // Those of another processor: however few, they are not in this one's cache.
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
    [[nodiscard]] fiber* first() const noexcept { return first_; } // null: none
    // push(g) and pop(), of a list that is not empty; but fetches nothing ahead unless it is told to.
    void rotate(fiber& g, bool fetch) noexcept {
        fiber* const first = first_;
        g.next = nullptr;
        if (first == last_) { // as below, but without waiting for what has just been written: a yield of two
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

    // The first n, or all if there are fewer.
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

    // The last n, or all if there are fewer. Walks over the others.
    [[nodiscard]] fiber_list pop_back(std::size_t n) noexcept {
        fiber_list front = pop(size() - std::min(n, size()));
        fiber_list back = std::move(*this);
        push(std::move(front));
        return back;
    }

private:
    static constexpr std::size_t max_warm = 64;
    static constexpr std::size_t fetched_at_once = 16;

    // What was in the cache when it was put in has left it when it comes out.
    [[nodiscard]] bool is_long() const noexcept { return size() > max_warm; }

    void note_popped() noexcept {
        if (others_turn_ != 0) [[unlikely]]
            --others_turn_;
        if (remote_ != 0) [[unlikely]]
            --remote_;
    }

    // While g has not run yet: spawn_batch.hpp.
    static void prefetch_later(fiber const& g) noexcept {
        if (auto const* const later = static_cast<fiber const*>(static_cast<void const*>(g.what)))
            later->prefetch_all();
    }

    // Among very many fibers each cache line of a record or a stack is a miss, and each stack an address not yet translated,
    // which takes longest. So what the next ones will touch is fetched for many of them at a time: the processor can have
    // several translations under way, if they follow each other closely.
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
        asm volatile(""); // to compilers, fetching ahead is no effect that a call would have to be kept for
        fiber const* g = prefetch_stacks(fetched_at_once);
        for (std::size_t i = 0; i < fetched_at_once && g != nullptr; ++i, g = g->next)
            g->prefetch();
    }
    // Of the first n, or all, whose records are in the cache. Returns the one after them.
    fiber const* prefetch_stacks(std::size_t n) const noexcept {
        fiber const* end = first_;
        for (; n > 0 && end != nullptr; --n, end = end->next)
            __builtin_prefetch(end->stack);
        for (fiber const* g = first_; g != end; g = g->next)
            if (stack const* const s = g->stack)
                prefetch_frames(*s);
        return end;
    }
    // Those that most fibers will return through: in ten cache lines there is room for a wait with a deadline.
    static void prefetch_frames(stack const& s) noexcept {
        constexpr std::size_t max_bytes = 10 * cache_line;
        auto const* const end = reinterpret_cast<std::byte const*>(&s);
        auto const* const sp = static_cast<std::byte const*>(s.context.sp);
        for (std::size_t i = 0; i < max_bytes && sp + i < end; i += cache_line)
            __builtin_prefetch(sp + i);
        if (s.guard == guard_kind::canary) // looked at when the fiber ends
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
    std::size_t remote_ = 0;      // at most so many at the front have come from another processor
    std::size_t fetched_ = 0;     // so many at the front, more or less
    std::size_t others_turn_ = 0; // after so many have been taken out
    bool cold_ = false;
};

} // namespace fiber::rt
