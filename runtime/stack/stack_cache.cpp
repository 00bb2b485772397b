// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/stack/stack_cache.hpp"

#include <system_error>
#include <utility>

namespace fiber::rt {

stack_cache::stack_cache(stack_class& of, limits l) : of_(of), limits_(l) {
    if (!limits_.from_the_start)
        return;
    of_.reserve(limits_.most_idle + 1);
    most_kept_ = limits_.most_idle;
}

stack_cache::~stack_cache() {
    return_idle();
    of_.unreserve(credits_ + (most_kept_ != 0 ? most_kept_ + 1 : 0));
}

// Only credits that the class has left: where fibers end or park, there may be no stack for a system call.
void stack_cache::keep_if_there_are_credits() noexcept {
    if (of_.reserve_what_is_there(limits_.most_idle + 1))
        most_kept_ = limits_.most_idle;
}

void stack_cache::refill() noexcept {
    if (most_kept_ == 0)
        keep_if_there_are_credits();
    std::size_t const several = of_.dense() ? stack_class::most_at_once : batch;
    std::size_t taken = 0;
    idle_ = of_.take(most_kept_ != 0 ? several : 1, taken); // one: its fiber has a credit
    count_ = taken;
}

void stack_cache::give_back_some() noexcept {
    if (most_kept_ == 0)
        keep_if_there_are_credits();
    if (most_kept_ == 0) {
        return_idle();
        of_.unreserve(std::exchange(credits_, 0)); // the next fiber that is started here asks for more
    } else if (count_ > most_kept_) {
        return_half();
    }
}

void stack_cache::return_half() noexcept {
    stack* last_kept = idle_; // the warmest stay
    std::size_t const half = most_kept_ / 2;
    for (std::size_t kept = 1; kept < half; ++kept)
        last_kept = last_kept->link;
    count_ = half;
    of_.give(last_kept->link);
    last_kept->link = nullptr;
}

void stack_cache::refill_credits() {
    if (most_kept_ == 0 && of_.try_reserve(limits_.most_idle + 1))
        most_kept_ = limits_.most_idle;
    try {
        of_.reserve(limits_.credit_batch);
        credits_ = limits_.credit_batch;
    } catch (std::system_error const&) { // address space is short: whether one is left decides
        of_.reserve(1);
        credits_ = 1;
    }
}

void stack_cache::return_credits() noexcept {
    of_.unreserve(limits_.credit_batch);
    credits_ -= limits_.credit_batch;
}

} // namespace fiber::rt
