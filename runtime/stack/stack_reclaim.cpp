// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_reclaim.cpp: where address space has come to an end, what stacks of one size do not need serves others: it goes back
// to the kernel.
//   may go    slots for which no credit is given out: [stack.credit] goes on to hold
//   goes      slots that have never been used; then bare ones, from rows that have room for the wanted size before others

#include "runtime/base/assert.hpp"
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

std::size_t stack_class::give_up(std::size_t wanted, std::size_t unit) noexcept {
    {
        std::lock_guard const hold(lock_);
        if (slots_ == credits_)
            return 0;
        std::size_t const unused = give_up_unused_locked(wanted);
        if (unused >= wanted)
            return unused;
        wanted -= unused;
    }
    trim(); // makes bare what is idle
    std::lock_guard const hold(lock_);
    std::size_t const bare = give_up_bare_locked(wanted, unit);
    return bare + (bare < wanted ? give_up_bare_locked(wanted - bare, size_) : 0);
}

std::size_t stack_class::give_up_unused_locked(std::size_t wanted) noexcept {
    std::size_t given_up = 0;
    for (std::size_t i = slabs_.size(); i-- != 0 && given_up < wanted;) {
        partly_used const& s = slabs_[i];
        given_up += give_up_of_row_locked({s.unused, s.all.end}, wanted - given_up).size();
    }
    for (block& b : blocks_) {
        if (given_up >= wanted)
            break;
        block const gone = give_up_of_row_locked(b, wanted - given_up);
        if (gone.size() != 0)
            b.end = gone.begin;
        given_up += gone.size();
    }
    return given_up;
}

std::size_t stack_class::give_up_bare_locked(std::size_t wanted, std::size_t least_row) noexcept {
    auto const end = idle_.begin() + static_cast<std::ptrdiff_t>(bare_);
    std::sort(idle_.begin(), end, [](auto const& a, auto const& b) { return a.at < b.at; });
    std::size_t given_up = 0;
    auto kept = idle_.begin();
    for (auto first = idle_.begin(); first != end;) {
        std::byte const* const slab_end = slab_with_locked(slot_around(first->at))->all.end;
        auto after = std::next(first);
        while (after != end && slot_around(after->at) == slot_around(std::prev(after)->at) + size_ &&
               slot_around(after->at) != slab_end) // two slabs may lie side by side
            ++after;
        block const slots{slot_around(first->at), slot_around(std::prev(after)->at) + size_};
        block gone;
        if (slots.size() >= least_row && given_up < wanted)
            gone = give_up_of_row_locked(slots, wanted - given_up);
        given_up += gone.size();
        kept = std::remove_copy_if(first, after, kept, [&](idle_stack const& s) {
            return s.at > static_cast<void*>(gone.begin) && s.at < static_cast<void*>(gone.end);
        });
        first = after;
    }
    auto const n = static_cast<std::size_t>(end - kept);
    idle_.erase(kept, end);
    bare_ -= n;
    unused_ -= std::min(unused_, n);
    return given_up;
}

// Gives up slots at the end of the row, as many as cover the wanted bytes, may go and fill pages. Returns them.
stack_class::block stack_class::give_up_of_row_locked(block slots, std::size_t wanted) noexcept {
    std::size_t const may_go = (slots_ - credits_) * size_;
    std::size_t const all = std::min({(wanted + size_ - 1) / size_ * size_, may_go, slots.size()});
    block const gone{page_at_or_after(slots.end - all), page_at_or_before(slots.end)};
    if (gone.begin >= gone.end || !cut_out_locked(gone))
        return {};
    slots_ -= gone.size() / size_;
    return gone;
}

std::vector<stack_class::partly_used>::iterator
stack_class::slab_with_locked(std::byte const* address) noexcept {
    auto const at = std::find_if(slabs_.begin(), slabs_.end(), [&](partly_used const& s) {
        return s.all.begin <= address && address < s.all.end;
    });
    FIBER_ASSERT(at != slabs_.end());
    return at;
}

// Returns false if it cannot be done. Of the slab that it lies in, two are left, or one, or none.
bool stack_class::cut_out_locked(block gone) noexcept {
    try {
        slabs_.reserve(slabs_.size() + 1);
    } catch (std::bad_alloc const&) {
        return false;
    }
    if (!release_address_space({gone.begin, gone.size()}))
        return false;
    auto const at = slab_with_locked(gone.begin);
    partly_used const below{{at->all.begin, gone.begin}, std::min(at->unused, gone.begin)};
    partly_used const above{{gone.end, at->all.end}, std::max(at->unused, gone.end)};
    auto const next = slabs_.erase(at);
    auto const is_there = [](partly_used const& s) { return s.all.begin != s.all.end; };
    auto const place = is_there(above) ? slabs_.insert(next, above) : next;
    if (is_there(below))
        slabs_.insert(place, below);
    first_unused_ = 0; // next_block_locked() goes on from there
    return true;
}

} // namespace fiber::rt
