// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_release.cpp: how much memory a depot's idle stacks use, and how it goes back to the kernel.

#include "runtime/stack/stack_class.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <span>
#include <vector>

namespace fiber::rt {

// Decommits some of the coldest stacks, which have not been needed since the last check.
void stack_class::release_some_locked() noexcept {
    std::array<memory_range, 64> ranges;
    std::size_t n = 0;
    for (; n < ranges.size() && decommitted_ + n < unused_; ++n) {
        stack& s = *idle_[decommitted_ + n].at;
        ranges[n] = {s.bottom(), size_ - shape_.guard};
        destroy(s);
    }
    release_pages(std::span(ranges).first(n));
    decommitted_ += n;
    resident_ = resident_ - n;
}

// Decommits stacks that share pages. A page goes back only if all its stacks are in the range;
// other stacks stay as they are.
void stack_class::release_whole_pages_locked(std::size_t from, std::size_t to) noexcept {
    auto const page_of = [](idle_stack const& s) {
        return reinterpret_cast<std::uintptr_t>(s.at) / page_size;
    };
    auto const begin = idle_.begin() + static_cast<std::ptrdiff_t>(from);
    auto const end = idle_.begin() + static_cast<std::ptrdiff_t>(to);
    std::sort(begin, end, [](auto const& a, auto const& b) { return a.at < b.at; });
    auto whole = begin; // the stacks before it fill their pages
    memory_range run{};
    auto const per_page = static_cast<std::ptrdiff_t>(page_size / size_);
    for (auto at = begin; end - at >= per_page;) {
        if (page_of(*at) != page_of(at[per_page - 1])) {
            ++at;
            continue;
        }
        auto* const page = reinterpret_cast<std::byte*>(page_of(*at) * page_size);
        if (run.begin + run.size != page) {
            release_pages(std::span(&run, run.size != 0 ? 1 : 0));
            run = {page, 0};
        }
        run.size += page_size;
        for (auto const after = at + per_page; at != after; ++at) {
            destroy(*at->at);
            std::swap(*whole++, *at);
        }
    }
    release_pages(std::span(&run, run.size != 0 ? 1 : 0));
    std::rotate(idle_.begin() + static_cast<std::ptrdiff_t>(decommitted_), begin, whole);
    decommitted_ += static_cast<std::size_t>(whole - begin);
    resident_ = resident_ - static_cast<std::size_t>(whole - begin);
}

void stack_class::destroy(stack& s) noexcept {
    if (s.context.sp != nullptr)
        arch::drop_context(s.context);
    s.~stack();
}

// Releases in steps, and unlocks after each. Another thread that needs a stack then waits for tens
// of microseconds, or a millisecond while stacks are sorted.
void stack_class::release_unused() noexcept {
    constexpr std::size_t max_sorted = 16384;
    for (std::size_t seen = 0; dense();) {
        std::lock_guard const hold(lock_);
        std::size_t const from = std::max(seen, decommitted_);
        seen = std::min(from + max_sorted, unused_);
        if (from >= seen)
            return;
        release_whole_pages_locked(from, seen);
    }
    for (bool more = true; more;) {
        std::lock_guard const hold(lock_);
        release_some_locked();
        more = decommitted_ < unused_;
    }
}

void stack_class::trim() noexcept {
    {
        std::lock_guard const hold(lock_);
        unused_ = idle_.size();
    }
    release_unused();
}

void stack_class::age() noexcept {
    release_unused();
    std::lock_guard const hold(lock_);
    unused_ = idle_.size();
}

// Returns an estimate: it inspects a sample of the slots, because each inspection takes a system
// call.
std::size_t stack_class::estimate_resident_bytes() {
    constexpr std::size_t max_sampled = 128;
    std::vector<partial_slab> slabs; // a copy: slabs reclaimed later count as not resident
    std::size_t decommitted = 0, uncarved = 0;
    {
        std::lock_guard const hold(lock_);
        slabs = slabs_;
        decommitted = decommitted_;
        for (block const& b : blocks_)
            uncarved += b.size() / size_;
    }
    std::size_t in_blocks = 0;
    for (partial_slab const& s : slabs)
        in_blocks += static_cast<std::size_t>(s.unused - s.all.begin) / size_;
    std::size_t const in_use = in_blocks - uncarved - decommitted;
    if (dense())
        return in_use * size_;
    std::size_t const step = in_blocks / max_sampled + 1;
    std::size_t sampled = 0, sum = 0;
    for (std::size_t skip = 0; partial_slab const& s : slabs) {
        std::byte* at = s.all.begin + skip * size_;
        for (; at < s.unused; at += step * size_, ++sampled)
            sum += touched_in({at + shape_.guard, size_ - shape_.guard}).resident;
        skip = static_cast<std::size_t>(at - s.unused) / size_;
    }
    return std::max(in_use * page_size, sampled == 0 ? 0 : sum / sampled * in_blocks);
}

} // namespace fiber::rt
