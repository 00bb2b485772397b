// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_class.cpp: credits, taking and giving stacks, and carving new ones from slabs.
#include "runtime/stack/stack_class.hpp"

#include "runtime/base/lock/lock_adaptive.hpp"
#include "runtime/base/process/assert.hpp"
#include "runtime/base/process/fatal.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <sched.h>
#include <string>
#include <system_error>

namespace fiber::rt {
namespace {

// Each new slab doubles the total, up to the largest slab. A million stacks then need few map
// entries.
constexpr std::size_t first_slab = std::size_t{16} << 20;
constexpr std::size_t largest_slab = std::size_t{1} << 30;

// Maximum number of stacks created at once outside of a shared page. The caller is mostly a fiber
// that parks, and the arrays must fit on the first page of its stack.
constexpr std::size_t max_made = stack_period; // [stack.order] a batch of the cache is as large

// Blocks do not share a page table, because the kernel locks the page table when it makes a page
// resident.
constexpr std::size_t min_block = page_table_span;

[[noreturn]] void no_slot_left() {
    fatal("broken invariant: a fiber has a stack credit, but no slot is left");
}

} // namespace

std::byte* stack::slot() const noexcept { return size_class.slot_around(this); }

std::byte* stack::bottom() const noexcept { return slot() + size_class.shape().guard; }

std::size_t stack::usable() const noexcept {
    return static_cast<std::size_t>(reinterpret_cast<std::byte const*>(this) - bottom());
}

bool stack::canary_is_zero() const noexcept {
    auto const* const words = reinterpret_cast<std::uint64_t const*>(bottom());
    // Reading untouched memory maps the kernel's zero page, which costs no memory.
    return std::all_of(words, words + size_class.shape().canary / sizeof *words,
                       [](std::uint64_t w) { return w == 0; });
}

void stack_class::reserve(std::size_t n) {
    std::size_t const unit = std::max(size_, page_table_span);
    int tries = 3; // other threads may take what has been reclaimed
    while (!try_reserve(n))
        if (tries-- == 0 || reclaim_from_others(n * size_ + 2 * unit, unit) == 0)
            throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                                    "fiber: no address space for another stack of " + std::to_string(size_) +
                                        " bytes");
}

bool stack_class::try_reserve(std::size_t n) noexcept {
    auto const hold = lock_adaptive(lock_);
    while (slots_ - credits_ < n)
        if (!grow())
            return false;
    credits_ += n;
    return true;
}

bool stack_class::reserve_existing(std::size_t n) noexcept {
    auto const hold = lock_adaptive(lock_);
    bool const there = slots_ - credits_ >= n;
    credits_ += there ? n : 0;
    return there;
}

void stack_class::unreserve(std::size_t n) noexcept {
    auto const hold = lock_adaptive(lock_);
    FIBER_ASSERT(credits_ >= n);
    credits_ -= n;
}

bool stack_class::grow() noexcept {
    std::size_t const wanted =
        std::clamp(slots_ * size_, std::max(first_slab, size_), std::max(largest_slab, size_));
    try {
        slabs_.reserve(slabs_.size() + 1);
        idle_.reserve(slots_ + wanted / size_);
    } catch (std::bad_alloc const&) {
        return false;
    }
    slab const s = reserve_slab(wanted, std::max(size_, page_table_span), shape_.phase);
    if (s.begin == nullptr)
        return false;
    slabs_.push_back({s, s.begin});
    slots_ += static_cast<std::size_t>(s.end - s.begin) / size_;
    return true;
}

stack* stack_class::take(std::size_t n, std::size_t& taken) noexcept {
    std::array<idle_stack, max_made> decommitted;
    std::size_t with_guard = 0;
    slot_run fresh;
    {
        auto const hold = lock_adaptive(lock_);
        if (stack* const resident = take_resident_locked(n, taken))
            return resident;
        batch_ = std::min(2 * batch_, 2 * max_at_once);
        n = std::min(n, batch_ / 2);
        if (dense() && decommitted_ == 0)
            fresh = carve_locked(n);
        else
            taken = take_decommitted_locked(std::span(decommitted).first(std::min(n, decommitted.size())),
                                            with_guard);
    }
    if (taken != 0) // may cause page faults, so not under the lock
        return make(std::span(decommitted).first(taken), with_guard);
    if (fresh.n == 0)
        no_slot_left();
    taken = fresh.n;
    return make_in(fresh);
}

stack* stack_class::take_resident_locked(std::size_t n, std::size_t& taken) noexcept {
    taken = std::min<std::size_t>(n, resident_);
    stack* list = nullptr;
    auto const first = idle_.end() - static_cast<std::ptrdiff_t>(taken);
    for (auto i = first; i != idle_.end(); ++i) {
        i->at->next = list;
        list = i->at;
    }
    idle_.erase(first, idle_.end());
    unused_ = std::min(unused_, idle_.size());
    resident_ = resident_ - taken;
    return list;
}

// Takes decommitted stacks from idle_, then free slots. Returns their number: to.size(), or fewer
// if no more are left, but at least 1. The first `with_guard` have been stacks before.
std::size_t stack_class::take_decommitted_locked(std::span<idle_stack> to, std::size_t& with_guard) noexcept {
    with_guard = std::min(to.size(), decommitted_);
    std::copy_n(idle_.rbegin(), with_guard, to.begin());
    idle_.resize(idle_.size() - with_guard);
    decommitted_ -= with_guard;
    unused_ = std::min(unused_, decommitted_);
    for (std::size_t n = with_guard; n < to.size(); ++n) {
        slot_run const one = carve_locked(1);
        if (one.n == 0 && n == 0)
            no_slot_left();
        if (one.n == 0)
            return n;
        to[n].at = record_in(one, 0);
    }
    return to.size();
}

// Returns up to n adjacent slots; n == 0 in the result if none are left.
stack_class::slot_run stack_class::carve_locked(std::size_t n) noexcept {
    block& from = block_to_carve_locked();
    slot_run const carved{from.begin, std::min(n, from.size() / size_), next_colour_};
    from.begin += carved.n * size_;
    next_colour_ += static_cast<unsigned>(carved.n);
    return carved;
}

// Returns the block of this CPU. If no new block can be had, returns any block with free slots, or
// an empty one.
stack_class::block& stack_class::block_to_carve_locked() noexcept {
    block& mine = blocks_[static_cast<unsigned>(::sched_getcpu()) % blocks_.size()];
    if (mine.size() == 0)
        mine = next_block_locked();
    if (mine.size() != 0)
        return mine;
    auto const any =
        std::find_if(blocks_.begin(), blocks_.end(), [](block const& b) { return b.size() != 0; });
    return any != blocks_.end() ? *any : mine;
}

stack_class::block stack_class::next_block_locked() noexcept {
    while (first_unused_ != slabs_.size() && slabs_[first_unused_].unused == slabs_[first_unused_].all.end)
        ++first_unused_;
    if (first_unused_ == slabs_.size())
        return {};
    partial_slab& s = slabs_[first_unused_];
    auto const rest = static_cast<std::size_t>(s.all.end - s.unused);
    block const b{s.unused, s.unused + std::min(rest, std::max(min_block, min_stacks_in_block * size_))};
    s.unused = b.end;
    return b;
}

stack* stack_class::record_in(slot_run const& r, std::size_t i) const noexcept {
    std::size_t const colour = (r.first_colour + i) % shape_.colours * 64;
    return reinterpret_cast<stack*>(r.begin + (i + 1) * size_ - colour - sizeof(stack));
}

// Creates stacks that share pages, and makes all of them resident at once.
stack* stack_class::make_in(slot_run const& r) noexcept {
    if (r.n > 1) { // a single stack is about to be touched anyway
        memory_range const pages = pages_around({r.begin, r.n * size_}, page_size);
        populate_pages({&pages, 1});
    }
    stack* list = nullptr;
    for (std::size_t i = r.n; i-- != 0;) { // [stack.order] the lowest address first
        stack* const made = ::new (record_in(r, i)) stack(*this, guard_kind::canary);
        made->next = list;
        list = made;
    }
    return list;
}

// Creates stacks: makes their first pages resident, and installs guards below the new ones.
stack* stack_class::make(std::span<idle_stack> decommitted, std::size_t with_guard) noexcept {
    if (dense()) {
        for (idle_stack& s : decommitted)
            s.guard = guard_kind::canary;
        return list_of(decommitted);
    }
    std::array<memory_range, max_made> ranges;
    auto const without = decommitted.subspan(with_guard);
    std::transform(without.begin(), without.end(), ranges.begin(), [&](auto const& s) {
        return memory_range{slot_around(s.at), shape_.guard};
    });
    std::array<guard_kind, max_made> guards;
    install_guards(std::span(ranges).first(without.size()), guards.data());
    for (std::size_t i = 0; i < without.size(); ++i)
        without[i].guard = guards[i];
    if (decommitted.size() > 1) { // a single stack is about to be touched anyway
        std::transform(decommitted.begin(), decommitted.end(), ranges.begin(), [&](auto const& s) {
            return memory_range{slot_around(s.at) + size_ - page_size, page_size};
        });
        populate_pages(std::span(ranges).first(decommitted.size()));
    }
    return list_of(decommitted);
}

stack* stack_class::list_of(std::span<idle_stack const> decommitted) noexcept {
    stack* list = nullptr;
    for (idle_stack const& s : decommitted) { // [stack.order] the highest address first, in each batch
        stack* const made = ::new (s.at) stack(*this, s.guard);
        made->next = list;
        list = made;
    }
    return list;
}

void stack_class::give(stack* list) noexcept {
    std::size_t n = 0;
    for (stack const* s = list; s != nullptr; s = s->next)
        ++n;
    auto const hold = lock_adaptive(lock_);
    idle_.resize(idle_.size() + n); // within its capacity
    for (auto to = idle_.rbegin(); list != nullptr; list = list->next)
        *to++ = {list, list->guard};
    resident_ = resident_ + n;
    batch_ = 1;
}

} // namespace fiber::rt
