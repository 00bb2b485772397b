// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_reclaim.cpp: when address space runs out, slots that one size does not need go back to the
// kernel, for other sizes.
//   may be reclaimed   slots for which no credit is given out, so that [stack.credit] still holds
//   order              slots that have never been used; then decommitted stacks in runs of at least the
//                      wanted size; then other decommitted stacks

#include "runtime/base/process/assert.hpp"
#include "runtime/stack/stack_class.hpp"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <new>

namespace fiber::rt {
namespace {

std::byte* page_at_or_before(std::byte* p) noexcept {
    return p - reinterpret_cast<std::uintptr_t>(p) % page_size;
}
std::byte* page_at_or_after(std::byte* p) noexcept { return page_at_or_before(p + page_size - 1); }

} // namespace

std::size_t stack_class::reclaim(std::size_t wanted, std::size_t unit) noexcept {
    {
        std::lock_guard const hold(lock_);
        if (slots_ == credits_)
            return 0;
        std::size_t const unused = reclaim_unused_locked(wanted);
        if (unused >= wanted)
            return unused;
        wanted -= unused;
    }
    trim(); // decommits the idle stacks
    std::lock_guard const hold(lock_);
    std::size_t const decommitted = reclaim_decommitted_locked(wanted, unit);
    return decommitted + (decommitted < wanted ? reclaim_decommitted_locked(wanted - decommitted, size_) : 0);
}

std::size_t stack_class::reclaim_unused_locked(std::size_t wanted) noexcept {
    std::size_t reclaimed = 0;
    for (std::size_t i = slabs_.size(); i-- != 0 && reclaimed < wanted;) {
        partial_slab const& s = slabs_[i];
        reclaimed += reclaim_of_run_locked({s.unused, s.all.end}, wanted - reclaimed).size();
    }
    for (block& b : blocks_) {
        if (reclaimed >= wanted)
            break;
        block const cut = reclaim_of_run_locked(b, wanted - reclaimed);
        if (cut.size() != 0)
            b.end = cut.begin;
        reclaimed += cut.size();
    }
    return reclaimed;
}

std::size_t stack_class::reclaim_decommitted_locked(std::size_t wanted, std::size_t min_run) noexcept {
    auto const end = idle_.begin() + static_cast<std::ptrdiff_t>(decommitted_);
    std::sort(idle_.begin(), end, [](auto const& a, auto const& b) { return a.at < b.at; });
    std::size_t reclaimed = 0;
    auto kept = idle_.begin();
    for (auto first = idle_.begin(); first != end;) {
        std::byte const* const slab_end = slab_with_locked(slot_around(first->at))->all.end;
        auto after = std::next(first);
        while (after != end && slot_around(after->at) == slot_around(std::prev(after)->at) + size_ &&
               slot_around(after->at) != slab_end) // two slabs may be adjacent
            ++after;
        block const slots{slot_around(first->at), slot_around(std::prev(after)->at) + size_};
        block cut;
        if (slots.size() >= min_run && reclaimed < wanted)
            cut = reclaim_of_run_locked(slots, wanted - reclaimed);
        reclaimed += cut.size();
        kept = std::remove_copy_if(first, after, kept, [&](idle_stack const& s) {
            return s.at > static_cast<void*>(cut.begin) && s.at < static_cast<void*>(cut.end);
        });
        first = after;
    }
    auto const n = static_cast<std::size_t>(end - kept);
    idle_.erase(kept, end);
    decommitted_ -= n;
    unused_ -= std::min(unused_, n);
    return reclaimed;
}

// Reclaims slots at the end of the run: enough for the wanted bytes, but only whole pages, and no more slots
// than have no credit. Returns the reclaimed range.
stack_class::block stack_class::reclaim_of_run_locked(block slots, std::size_t wanted) noexcept {
    std::size_t const max_bytes = (slots_ - credits_) * size_;
    std::size_t const all = std::min({(wanted + size_ - 1) / size_ * size_, max_bytes, slots.size()});
    block const cut{page_at_or_after(slots.end - all), page_at_or_before(slots.end)};
    if (cut.begin >= cut.end || !cut_out_locked(cut))
        return {};
    slots_ -= cut.size() / size_;
    return cut;
}

std::vector<stack_class::partial_slab>::iterator
stack_class::slab_with_locked(std::byte const* address) noexcept {
    auto const at = std::find_if(slabs_.begin(), slabs_.end(), [&](partial_slab const& s) {
        return s.all.begin <= address && address < s.all.end;
    });
    FIBER_ASSERT(at != slabs_.end());
    return at;
}

// Returns false if it fails. The slab that contains the range becomes two slabs, one or none.
bool stack_class::cut_out_locked(block cut) noexcept {
    try {
        slabs_.reserve(slabs_.size() + 1);
    } catch (std::bad_alloc const&) {
        return false;
    }
    if (!release_address_space({cut.begin, cut.size()}))
        return false;
    auto const at = slab_with_locked(cut.begin);
    partial_slab const below{{at->all.begin, cut.begin}, std::min(at->unused, cut.begin)};
    partial_slab const above{{cut.end, at->all.end}, std::max(at->unused, cut.end)};
    auto const next = slabs_.erase(at);
    auto const is_there = [](partial_slab const& s) { return s.all.begin != s.all.end; };
    auto const position = is_there(above) ? slabs_.insert(next, above) : next;
    if (is_there(below))
        slabs_.insert(position, below);
    first_unused_ = 0; // next_block_locked() searches again from there
    return true;
}

} // namespace fiber::rt
