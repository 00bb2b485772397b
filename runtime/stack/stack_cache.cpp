// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/stack/stack_cache.hpp"

#include <system_error>

namespace fiber::rt {

stack_cache::stack_cache(stack_class& of) : of_(of) {
    of_.reserve(most_idle + 1);
} // one more, while half goes back

stack_cache::~stack_cache() {
    return_idle();
    of_.unreserve(most_idle + 1 + credits_);
}

void stack_cache::refill() noexcept {
    std::size_t taken = 0;
    idle_ = of_.take(of_.dense() ? stack_class::most_at_once : batch, taken);
    count_ = taken;
}

void stack_cache::return_half() noexcept {
    stack* last_kept = idle_; // the warmest stay
    for (std::size_t kept = 1; kept < most_idle / 2; ++kept)
        last_kept = last_kept->link;
    count_ = most_idle / 2;
    of_.give(last_kept->link);
    last_kept->link = nullptr;
}

void stack_cache::refill_credits() {
    try {
        of_.reserve(credit_batch);
        credits_ = credit_batch;
    } catch (std::system_error const&) { // address space is short: whether one is left decides
        of_.reserve(1);
        credits_ = 1;
    }
}

void stack_cache::return_credits() noexcept {
    of_.unreserve(credit_batch);
    credits_ -= credit_batch;
}

} // namespace fiber::rt
