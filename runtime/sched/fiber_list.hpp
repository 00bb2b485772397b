// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber_list.hpp: a first-in, first-out list of runnable fibers. The fibers themselves hold the links, so
// the list has no size limit and allocates no memory.
//   invariant  size() fibers are linked by `next` from first_ to last_; no other list holds them
//   callers    the owner: a processor's machine, or the holder of a lock.
//              size() and empty() may be called from any thread; the result is then a guess
#pragma once

#include "runtime/base/atomics/relaxed.hpp"
#include "runtime/sched/fiber.hpp"

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

    [[nodiscard]] fiber* first() const noexcept { return first_; } // null if the list is empty
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
    void push_front(fiber_list&& list) noexcept {
        list.push(std::move(*this));
        first_ = list.first_;
        last_ = list.last_;
        size_ = list.size();
        list.clear();
    }

    [[nodiscard]] fiber* pop() noexcept {
        fiber* const g = first_;
        if (g != nullptr) {
            first_ = g->next;
            size_ = size() - 1;
        }
        return g;
    }
    // Moves g to the end and removes first(), as push(g) and pop() do. The list must not be empty.
    void rotate(fiber& g) noexcept {
        fiber* const first = first_;
        g.next = nullptr;
        if (first == last_) { // as below, but does not load the link that was just stored: a yield of two
            first_ = &g;
        } else {
            last_->next = &g;
            first_ = first->next;
        }
        last_ = &g;
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
};

} // namespace fiber::rt
