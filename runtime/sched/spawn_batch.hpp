// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// spawn_batch.hpp: the fibers that were started last, in a list that can go to another processor as a
// whole.
//
// Their records are in this core's cache. A core that runs them waits for each cache line, one line
// after the other if it follows the links. Therefore each fiber names in `what` the fiber that comes
// `ahead` places after it. When a fiber's turn comes, that later record is prefetched.
// perf/run --rivals, spawn_all on two processors
//   invariant  Fibers are only pushed, or all taken: the last `ahead` that were pushed are still here
#pragma once

#include "runtime/sched/fiber_list.hpp"

#include <array>
#include <cstddef>

namespace fiber::rt {

class spawn_batch {
public:
    [[nodiscard]] std::size_t size() const noexcept { return size_; } // any thread; the result is a guess
    [[nodiscard]] bool full() const noexcept { return size() == most; }
    [[nodiscard]] bool begins_with(fiber const& g) const noexcept { return size() != 0 && first_ == &g; }
    [[nodiscard]] bool ends_with(fiber const& g) const noexcept { return size() != 0 && last() == &g; }

    void push(fiber& g) noexcept {
        std::size_t const n = size();
        g.next = nullptr;
        if (n == 0)
            first_ = &g;
        else
            last()->next = &g;
        if (n >= ahead)
            latest_[n % ahead]->what = &g;
        latest_[n % ahead] = &g;
        size_ = n + 1;
    }
    // Prefetches the record that the fresh g names. Called when g's turn comes.
    static void prefetch_later(fiber const& g) noexcept {
        if (auto const* const later = static_cast<fiber const*>(static_cast<void const*>(g.what)))
            later->prefetch_all();
    }
    // Takes the only fiber. size() must be 1.
    [[nodiscard]] fiber& take_only() noexcept {
        size_ = 0;
        return *first_;
    }
    // Takes all fibers.
    [[nodiscard]] fiber_list take() noexcept {
        std::size_t const n = size();
        if (n == 0)
            return {};
        size_ = 0;
        return {*first_, *latest_[(n - 1) % ahead], n};
    }

private:
    static constexpr std::size_t most = 1024; // records of 128 KiB in all
    static constexpr std::size_t ahead = 8;

    [[nodiscard]] fiber* last() const noexcept { return latest_[(size() - 1) % ahead]; }

    relaxed<std::size_t> size_{0};
    fiber* first_ = nullptr;
    std::array<fiber*, ahead> latest_{};
};

} // namespace fiber::rt
