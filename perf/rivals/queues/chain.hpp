// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Items in a row, linked through themselves: the owner's, or guarded by a lock. size: any; a guess.
#pragma once

#include "perf/rivals/queues/item.hpp"

#include <atomic>
#include <cstddef>

namespace perf::queues {

class chain {
public:
    [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

    void push(item& i) noexcept {
        i.link = nullptr;
        append(i, i, 1);
    }

    [[nodiscard]] item* pop() noexcept {
        item* const i = first_;
        if (i != nullptr) {
            first_ = i->link;
            resize(size() - 1);
        }
        return i;
    }

    // Appends the first n of the other, which has as many.
    void push_from(chain& other, std::size_t n) noexcept {
        if (n == 0)
            return;
        item* const first = other.first_;
        item* last = other.last_;
        if (n != other.size()) {
            last = first;
            for (std::size_t k = 1; k < n; ++k)
                last = last->link;
        }
        other.first_ = last->link;
        other.resize(other.size() - n);
        last->link = nullptr;
        append(*first, *last, n);
    }

private:
    void append(item& first, item& last, std::size_t n) noexcept {
        if (first_ == nullptr)
            first_ = &first;
        else
            last_->link = &first;
        last_ = &last;
        resize(size() + n);
    }
    void resize(std::size_t n) noexcept { size_.store(n, std::memory_order_relaxed); }

    item* first_ = nullptr;
    item* last_ = nullptr;
    std::atomic<std::size_t> size_{0};
};

} // namespace perf::queues
