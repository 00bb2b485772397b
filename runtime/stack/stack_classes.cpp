// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_classes.cpp: the classes of all sizes, and what is done with all of them.

#include "runtime/stack/stack_class.hpp"

#include "runtime/base/made_once.hpp"

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

// Those below least_stack_size are the library's own.
constexpr int least_log = std::countr_zero(std::size_t{2048});
constexpr int most_log = std::countr_zero(most_stack_size);

struct class_table {
    std::array<std::unique_ptr<stack_class>, most_log - least_log + 1> of_log;
    class_table() {
        for (std::size_t i = 0; i < of_log.size(); ++i)
            of_log[i] = std::make_unique<stack_class>(std::size_t{1} << (least_log + i));
    }
    [[nodiscard]] stack_class& for_size(std::size_t bytes) const noexcept {
        return *of_log[static_cast<std::size_t>(std::bit_width(bytes - 1) - least_log)];
    }
};
constinit made_once<class_table> the_classes;
class_table& classes() { return the_classes.get(); }

// Any sysmon, the first one that comes to it, does the ageing for all. Relaxed: whoever comes late finds nothing to do.
std::atomic<clock::rep> ageing_due{0};

} // namespace

stack_class& stack_class::of_size(std::size_t bytes) {
    if (bytes < least_stack_size || bytes > most_stack_size)
        throw std::invalid_argument("fiber: stack_size is " + std::to_string(bytes) +
                                    " bytes; the least is " + std::to_string(least_stack_size) +
                                    ", the most " + std::to_string(most_stack_size));
    return classes().for_size(bytes);
}

stack_class& stack_class::usual() noexcept { return classes().for_size(usual_stack_size()); }

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
        if (c->warm_ != 0)
            c->age();
}

clock::time_point stack_class::next_ageing() noexcept {
    auto const& all = classes().of_log;
    bool const any = std::any_of(all.begin(), all.end(), [](auto const& c) { return c->warm_ != 0; });
    return any ? clock::time_point(clock::duration(ageing_due.load(std::memory_order_relaxed))) : never;
}

stack_class::figures stack_class::totals() {
    figures sum;
    for (auto const& c : classes().of_log) {
        {
            std::lock_guard const hold(c->lock_);
            sum.bytes_reserved += c->slots_ * c->size_;
        }
        sum.bytes_cached += c->warm_ * c->least_resident();
        sum.bytes_resident += c->resident();
    }
    return sum;
}

// The largest first: that takes the fewest steps.
std::size_t stack_class::make_others_give_up(std::size_t wanted, std::size_t unit) noexcept {
    std::size_t given_up = 0;
    auto const& all = classes().of_log;
    for (auto c = all.rbegin(); c != all.rend() && given_up < wanted; ++c)
        if (c->get() != this)
            given_up += (*c)->give_up(wanted - given_up, unit);
    return given_up;
}

void stack_class::trim_all() noexcept {
    for (auto const& c : classes().of_log)
        c->trim();
}

memory_range stack_class::slot_of(void const* address) noexcept {
    auto* const at = static_cast<std::byte*>(const_cast<void*>(address));
    for (auto const& c : classes().of_log) {
        std::lock_guard const hold(c->lock_);
        for (partly_used const& s : c->slabs_)
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
