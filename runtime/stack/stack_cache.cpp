// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_cache.cpp: the slow paths of a stack cache, which call the depot.
#include "runtime/stack/stack_cache.hpp"

#include <system_error>
#include <utility>

namespace fiber::rt {

stack_cache::stack_cache(stack_class& of, limits l) : size_class_(of), limits_(l) {
    if (!limits_.keeps_at_start)
        return;
    size_class_.reserve(limits_.max_idle + 1);
    max_kept_ = limits_.max_idle;
}

stack_cache::~stack_cache() {
    return_idle();
    size_class_.unreserve(credits_ + (max_kept_ != 0 ? max_kept_ + 1 : 0));
}

// Takes only credits that need no new address space: a fiber that ends or parks may lack the stack
// for a system call.
void stack_cache::try_start_keeping() noexcept {
    if (size_class_.reserve_existing(limits_.max_idle + 1))
        max_kept_ = limits_.max_idle;
}

void stack_cache::refill() noexcept {
    if (max_kept_ == 0)
        try_start_keeping();
    std::size_t const several = size_class_.dense() ? stack_class::max_at_once : batch;
    std::size_t taken = 0;
    idle_ = size_class_.take(max_kept_ != 0 ? several : 1, taken); // 1 stack: its fiber has a credit
    count_ = taken;
}

void stack_cache::give_slow() noexcept {
    if (max_kept_ == 0)
        try_start_keeping();
    if (max_kept_ == 0) {
        return_idle();
        size_class_.unreserve(std::exchange(credits_, 0)); // the next fiber takes more
    } else if (count_ > max_kept_) {
        return_half();
    }
}

void stack_cache::return_half() noexcept {
    stack* last_kept = idle_; // the warmest stay
    std::size_t const half = max_kept_ / 2;
    for (std::size_t kept = 1; kept < half; ++kept)
        last_kept = last_kept->next;
    count_ = half;
    size_class_.give(last_kept->next);
    last_kept->next = nullptr;
}

void stack_cache::refill_credits() {
    if (max_kept_ == 0 && size_class_.try_reserve(limits_.max_idle + 1))
        max_kept_ = limits_.max_idle;
    try {
        size_class_.reserve(limits_.credit_batch);
        credits_ = limits_.credit_batch;
    } catch (std::system_error const&) { // address space is short: one credit is enough
        size_class_.reserve(1);
        credits_ = 1;
    }
}

void stack_cache::return_credits() noexcept {
    size_class_.unreserve(limits_.credit_batch);
    credits_ -= limits_.credit_batch;
}

} // namespace fiber::rt
