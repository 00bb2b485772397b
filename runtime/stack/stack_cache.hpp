// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_cache.hpp: one processor's idle stacks of one size, last in first out, and its credits
// (stack_class.hpp). Only the owner calls the cache, except idle().
//   invariant  while it holds idle stacks, it holds credits for its maximum number of idle stacks, and
//              for one more, which is needed while half of the stacks go back
#pragma once

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/stack/stack_class.hpp"

#include <cstddef>
#include <utility>

namespace fiber::rt {

class alignas(cache_line) stack_cache {
public:
    struct limits {
        unsigned max_idle;
        unsigned credit_batch;
        // If false, it keeps idle stacks from the first fiber on, if there are credits for them.
        bool keeps_at_start;
    };
    // 256 KiB resident if no fiber has used more than a page.
    static constexpr limits default_limits{64, 128, true};
    // Uses less address space, and none in a program without threads.
    static constexpr limits thread_limits{16, 32, false};

    // Throws as stack_class::reserve.
    stack_cache(stack_class& of, limits);
    ~stack_cache(); // returns everything to the depot
    stack_cache(stack_cache const&) = delete;
    stack_cache& operator=(stack_cache const&) = delete;

    [[nodiscard]] stack_class& size_class() const noexcept { return size_class_; }

    // Takes a credit for one fiber, before it gets a stack: [stack.credit]. Throws as
    // stack_class::reserve.
    void take_credit() {
        if (credits_ == 0)
            refill_credits();
        --credits_;
    }
    void give_credit() noexcept {
        if (++credits_ > 2 * limits_.credit_batch)
            return_credits();
    }

    // Returns the stack that take() will return; null if take() must refill.
    [[nodiscard]] stack const* first() const noexcept { return idle_; }
    // Returns a stack for a fiber that has a credit.
    [[nodiscard]] stack& take() noexcept {
        if (idle_ == nullptr)
            refill();
        stack& s = *idle_;
        idle_ = s.next;
        count_ = count_ - 1;
        return s;
    }
    void give(stack& s) noexcept {
        s.next = idle_;
        idle_ = &s;
        count_ = count_ + 1;
        if (count_ > max_kept_)
            give_slow();
    }
    // Returns all idle stacks to the depot, where they age. For an owner that will not need any for
    // a while.
    void return_idle() noexcept {
        if (stack* const all = take_all())
            size_class_.give(all);
    }
    // Removes all idle stacks and returns them as a list, which the caller must give to the depot.
    [[nodiscard]] stack* take_all() noexcept {
        count_ = 0;
        return std::exchange(idle_, nullptr);
    }
    [[nodiscard]] std::size_t idle() const noexcept { return count_; } // any thread may call it

private:
    static constexpr std::size_t batch = stack_period; // [stack.order]

    void refill() noexcept;
    void give_slow() noexcept;
    void try_start_keeping() noexcept;
    void return_half() noexcept;
    void refill_credits();
    void return_credits() noexcept;

    stack_class& size_class_;
    stack* idle_ = nullptr;
    relaxed<std::size_t> count_{0};
    std::size_t credits_ = 0;
    std::size_t max_kept_ = 0; // maximum number of idle stacks; 0 while there are no credits for them
    limits const limits_;
};

} // namespace fiber::rt
