// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/stack/stack_class.hpp"

#include "runtime/base/assert.hpp"
#include "runtime/base/fatal.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

namespace fiber::rt {
namespace {

constexpr unsigned colours = 16; // cache lines; perf/micro's ring of fibers moves with it
constexpr std::size_t first_slab = std::size_t{16}
                                   << 20; // each further one is as large as all before together,
constexpr std::size_t largest_slab = std::size_t{1}
                                     << 30; // up to this: a million stacks are some 250 map entries

constexpr std::size_t canary_words = 64; // reading them maps the kernel's zero page, and costs no memory

constexpr int least_log = std::countr_zero(least_stack_size);
constexpr int most_log = std::countr_zero(most_stack_size);

// Never destroyed: machines run on while the process exits.
struct class_table {
    std::array<std::unique_ptr<stack_class>, most_log - least_log + 1> of_log;
    class_table() {
        for (std::size_t i = 0; i < of_log.size(); ++i)
            of_log[i] = std::make_unique<stack_class>(least_stack_size << i);
    }
};
class_table& classes() {
    static auto* const table = new class_table;
    return *table;
}

} // namespace

std::byte* stack::slot() const noexcept {
    auto const here = reinterpret_cast<std::uintptr_t>(this);
    return reinterpret_cast<std::byte*>(here & ~(of.size() - 1));
}

std::byte* stack::bottom() const noexcept { return slot() + guard_size; }

std::size_t stack::usable() const noexcept {
    return static_cast<std::size_t>(reinterpret_cast<std::byte const*>(this) - bottom());
}

bool stack::canary_lives() const noexcept {
    if (guard == guard_kind::page)
        return true;
    auto const* const words = reinterpret_cast<std::uint64_t const*>(bottom());
    return std::all_of(words, words + canary_words, [](std::uint64_t w) { return w == 0; });
}

stack_class& stack_class::of_size(std::size_t bytes) {
    if (bytes < least_stack_size || bytes > most_stack_size)
        throw std::invalid_argument("fiber: stack_size is " + std::to_string(bytes) +
                                    " bytes; the least is " + std::to_string(least_stack_size) +
                                    ", the most " + std::to_string(most_stack_size));
    return *classes().of_log[static_cast<std::size_t>(std::bit_width(bytes - 1) - least_log)];
}

void stack_class::reserve(std::size_t n) {
    std::lock_guard const hold(lock_);
    while (slots_ - credits_ < n)
        if (!grow())
            throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                                    "fiber: no address space for another stack of " + std::to_string(size_) +
                                        " bytes");
    credits_ += n;
}

void stack_class::unreserve(std::size_t n) noexcept {
    std::lock_guard const hold(lock_);
    FIBER_ASSERT(credits_ >= n);
    credits_ -= n;
}

bool stack_class::grow() noexcept {
    std::size_t const wanted =
        std::clamp(slots_ * size_, std::max(first_slab, size_), std::max(largest_slab, size_));
    try {
        slabs_.reserve(slabs_.size() + 1);
    } catch (std::bad_alloc const&) {
        return false;
    }
    slab const s = reserve_slab(wanted, size_);
    if (s.begin == nullptr)
        return false;
    slabs_.push_back(s);
    slots_ += static_cast<std::size_t>(s.end - s.begin) / size_;
    return true;
}

stack* stack_class::take(std::size_t n, std::size_t& taken) noexcept {
    std::lock_guard const hold(lock_);
    stack* list = nullptr;
    for (taken = 0; taken < n && free_ != nullptr; ++taken) {
        stack* const s = free_;
        free_ = s->link;
        --free_count_;
        s->link = list;
        list = s;
    }
    if (list == nullptr) { // bare ones cost page faults: one at a time
        list = &make_bare_slot_a_stack();
        taken = 1;
    }
    return list;
}

stack& stack_class::make_bare_slot_a_stack() noexcept {
    bare_slot bare{};
    if (!trimmed_.empty()) {
        bare = trimmed_.back();
        trimmed_.pop_back();
    } else {
        if (slabs_.empty())
            fatal("broken invariant: a fiber has a stack credit, but no slot is left");
        slab& s = slabs_.back();
        bare = {s.begin, install_guard(s.begin, guard_size)};
        s.begin += size_;
        if (s.begin == s.end)
            slabs_.pop_back();
    }
    std::size_t const colour = (next_colour_++ % colours) * 64;
    return *::new (bare.begin + size_ - colour - sizeof(stack)) stack(*this, bare.guard);
}

void stack_class::give(stack* list) noexcept {
    std::lock_guard const hold(lock_);
    while (list != nullptr) {
        stack* const s = list;
        list = s->link;
        s->link = free_;
        free_ = s;
        ++free_count_;
    }
}

void stack_class::trim() noexcept {
    std::lock_guard const hold(lock_);
    try {
        trimmed_.reserve(trimmed_.size() + free_count_);
    } catch (std::bad_alloc const&) {
        return; // no room to remember them by; they stay as they are
    }
    while (free_ != nullptr) {
        stack* const s = free_;
        free_ = s->link;
        bare_slot const bare{s->slot(), s->guard};
        std::byte* const bottom = s->bottom();
        if (s->context.sp != nullptr)
            arch::drop_context(s->context);
        s->~stack();
        release_pages(bottom, bare.begin + size_);
        trimmed_.push_back(bare);
    }
    free_count_ = 0;
}

stack_class::figures stack_class::totals() noexcept {
    figures sum;
    for (auto const& c : classes().of_log) {
        std::lock_guard const hold(c->lock_);
        sum.bytes_reserved += c->slots_ * c->size_;
        sum.bytes_cached += c->free_count_ * page_size;
    }
    return sum;
}

void stack_class::trim_all() noexcept {
    for (auto const& c : classes().of_log)
        c->trim();
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
