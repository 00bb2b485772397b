// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_classes.cpp: the table of all stack classes, and the operations on all of them.

#include "runtime/stack/stack_class.hpp"

#include "runtime/base/process/once_box.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

namespace fiber::rt {
namespace {

// Only the library makes stacks smaller than min_stack_size.
constexpr int min_log = std::countr_zero(std::size_t{2048});
constexpr int max_log = std::countr_zero(max_stack_size);

struct class_table {
    std::array<std::unique_ptr<stack_class>, max_log - min_log + 1> of_log;
    class_table() {
        for (std::size_t i = 0; i < of_log.size(); ++i)
            of_log[i] = std::make_unique<stack_class>(std::size_t{1} << (min_log + i));
    }
    [[nodiscard]] stack_class& for_size(std::size_t bytes) const noexcept {
        return *of_log[static_cast<std::size_t>(std::bit_width(bytes - 1) - min_log)];
    }
};
constinit once_box<class_table> the_classes;
class_table& classes() { return the_classes.get(); }

// The time of the next ageing. The first sysmon that finds it passed does the ageing for all.
// relaxed: a sysmon that is late finds nothing to do.
std::atomic<clock::rep> ageing_due{0};

} // namespace

stack_class& stack_class::of_size(std::size_t bytes) {
    if (bytes < min_stack_size || bytes > max_stack_size)
        throw std::invalid_argument("fiber: stack_size is " + std::to_string(bytes) +
                                    " bytes; the least is " + std::to_string(min_stack_size) + ", the most " +
                                    std::to_string(max_stack_size));
    return classes().for_size(bytes);
}

stack_class& stack_class::default_class() noexcept { return classes().for_size(default_stack_size()); }

bool stack_class::ageing_is_due(clock::time_point now) noexcept {
    return now.time_since_epoch().count() >= ageing_due.load(std::memory_order_relaxed);
}

void stack_class::age_all(clock::time_point now) noexcept {
    auto due = ageing_due.load(std::memory_order_relaxed);
    if (now.time_since_epoch().count() < due ||
        !ageing_due.compare_exchange_strong(due, (now + age_limit).time_since_epoch().count(),
                                            std::memory_order_relaxed))
        return;
    for (auto const& c : classes().of_log)
        if (c->resident_ != 0)
            c->age();
}

clock::time_point stack_class::next_ageing() noexcept {
    auto const& all = classes().of_log;
    bool const any = std::any_of(all.begin(), all.end(), [](auto const& c) { return c->resident_ != 0; });
    return any ? clock::time_point(clock::duration(ageing_due.load(std::memory_order_relaxed))) : never;
}

stack_class::statistics stack_class::totals() {
    statistics sum;
    for (auto const& c : classes().of_log) {
        {
            std::lock_guard const hold(c->lock_);
            sum.bytes_reserved += c->slots_ * c->size_;
        }
        sum.bytes_cached += c->resident_ * c->min_resident();
        sum.bytes_resident += c->estimate_resident_bytes();
    }
    return sum;
}

// Starts with the largest size, which takes the fewest steps.
std::size_t stack_class::reclaim_from_others(std::size_t wanted, std::size_t unit) noexcept {
    std::size_t reclaimed = 0;
    auto const& all = classes().of_log;
    for (auto c = all.rbegin(); c != all.rend() && reclaimed < wanted; ++c)
        if (c->get() != this)
            reclaimed += (*c)->reclaim(wanted - reclaimed, unit);
    return reclaimed;
}

void stack_class::trim_all() noexcept {
    for (auto const& c : classes().of_log)
        c->trim();
}

memory_range stack_class::slot_of(void const* address) noexcept {
    auto* const at = static_cast<std::byte*>(const_cast<void*>(address));
    for (auto const& c : classes().of_log) {
        std::lock_guard const hold(c->lock_);
        for (partial_slab const& s : c->slabs_)
            if (!std::less<>{}(at, s.all.begin) && std::less<>{}(at, s.unused))
                return {s.all.begin + static_cast<std::size_t>(at - s.all.begin) / c->size_ * c->size_,
                        c->size_};
    }
    return {};
}

void stack_class::lock_all() noexcept {
    for (auto const& c : classes().of_log)
        c->lock_.lock();
}

void stack_class::unlock_all() noexcept {
    for (auto const& c : classes().of_log)
        c->lock_.unlock();
}

} // namespace fiber::rt
