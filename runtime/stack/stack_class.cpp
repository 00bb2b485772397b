// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/stack/stack_class.hpp"

#include "runtime/base/assert.hpp"
#include "runtime/base/fatal.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

namespace fiber::rt {
namespace {

constexpr std::size_t first_slab = std::size_t{16}
                                   << 20; // each further one is as large as all before together,
constexpr std::size_t largest_slab = std::size_t{1}
                                     << 30; // up to this: a million stacks are some 250 map entries

// At once. Whoever needs a stack makes them, a parking fiber mostly, within the first page of its own.
constexpr std::size_t most_made = 16;

// Those below least_stack_size are the library's own.
constexpr int least_log = std::countr_zero(std::size_t{2048});
constexpr int most_log = std::countr_zero(most_stack_size);

// Never destroyed: machines run on while the process exits.
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
class_table& classes() {
    static auto* const table = new class_table;
    return *table;
}

} // namespace

std::byte* stack::slot() const noexcept {
    auto const here = reinterpret_cast<std::uintptr_t>(this);
    return reinterpret_cast<std::byte*>(here & ~(of.size() - 1));
}

std::byte* stack::bottom() const noexcept { return slot() + of.shape().guard; }

std::size_t stack::usable() const noexcept {
    return static_cast<std::size_t>(reinterpret_cast<std::byte const*>(this) - bottom());
}

bool stack::canary_is_zero() const noexcept {
    auto const* const words = reinterpret_cast<std::uint64_t const*>(bottom());
    // Where there is nothing yet, reading maps the kernel's zero page, and costs no memory.
    return std::all_of(words, words + of.shape().canary / sizeof *words,
                       [](std::uint64_t w) { return w == 0; });
}

stack_class& stack_class::of_size(std::size_t bytes) {
    if (bytes < least_stack_size || bytes > most_stack_size)
        throw std::invalid_argument("fiber: stack_size is " + std::to_string(bytes) +
                                    " bytes; the least is " + std::to_string(least_stack_size) +
                                    ", the most " + std::to_string(most_stack_size));
    return classes().for_size(bytes);
}

stack_class& stack_class::usual() noexcept { return classes().for_size(usual_stack_size()); }

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
        idle_.reserve(slots_ + wanted / size_);
    } catch (std::bad_alloc const&) {
        return false;
    }
    slab const s = reserve_slab(wanted, std::max(size_, page_size));
    if (s.begin == nullptr)
        return false;
    slabs_.push_back({s, s.begin});
    slots_ += static_cast<std::size_t>(s.end - s.begin) / size_;
    return true;
}

stack* stack_class::take(std::size_t n, std::size_t& taken) noexcept {
    std::array<idle_stack, most_made> bare;
    std::size_t with_guard = 0;
    {
        std::lock_guard const hold(lock_);
        if (stack* const warm = take_warm_locked(n, taken))
            return warm;
        batch_ = std::min(2 * batch_, 2 * most_made);
        taken = take_bare_locked(std::span(bare).first(std::min(n, batch_ / 2)), with_guard);
    }
    return make(std::span(bare).first(taken), with_guard); // page faults: not under the lock
}

stack* stack_class::take_warm_locked(std::size_t n, std::size_t& taken) noexcept {
    taken = std::min<std::size_t>(n, warm_);
    stack* list = nullptr;
    auto const first = idle_.end() - static_cast<std::ptrdiff_t>(taken);
    for (auto i = first; i != idle_.end(); ++i) {
        i->at->link = list;
        list = i->at;
    }
    idle_.erase(first, idle_.end());
    unused_ = std::min(unused_, idle_.size());
    warm_ = warm_ - taken;
    return list;
}

// Bare ones, of which the first with_guard have been stacks before. Their number: as many as there are, at least 1.
std::size_t stack_class::take_bare_locked(std::span<idle_stack> to, std::size_t& with_guard) noexcept {
    with_guard = std::min(to.size(), bare_);
    std::copy_n(idle_.rbegin(), with_guard, to.begin());
    idle_.resize(idle_.size() - with_guard);
    bare_ -= with_guard;
    unused_ = std::min(unused_, bare_);
    for (std::size_t n = with_guard; n < to.size(); ++n) {
        std::byte* const begin = carve_locked();
        if (begin == nullptr && n == 0)
            fatal("broken invariant: a fiber has a stack credit, but no slot is left");
        if (begin == nullptr)
            return n;
        std::size_t const colour = (next_colour_++ % shape_.colours) * 64;
        to[n].at = reinterpret_cast<stack*>(begin + size_ - colour - sizeof(stack));
    }
    return to.size();
}

std::byte* stack_class::carve_locked() noexcept {
    if (first_unused_ == slabs_.size())
        return nullptr;
    partly_used& s = slabs_[first_unused_];
    std::byte* const begin = s.unused;
    s.unused += size_;
    if (s.unused == s.all.end)
        ++first_unused_;
    return begin;
}

// Their first pages are made resident, the new ones get their guards.
stack* stack_class::make(std::span<idle_stack> bare, std::size_t with_guard) noexcept {
    auto const slot = [this](idle_stack const& s) {
        return reinterpret_cast<std::byte*>(reinterpret_cast<std::uintptr_t>(s.at) & ~(size_ - 1));
    };
    if (dense()) {
        for (idle_stack& s : bare)
            s.guard = guard_kind::canary;
        // Whole pages: it does not matter to those who are there already.
        std::size_t const before =
            reinterpret_cast<std::uintptr_t>(bare.front().at) % page_size / size_ * size_;
        std::size_t const size = (before + bare.size() * size_ + page_size - 1) / page_size * page_size;
        memory_range const all{slot(bare.front()) - before, size};
        bool const side_by_side =
            slot(bare.back()) - slot(bare.front()) == static_cast<std::ptrdiff_t>((bare.size() - 1) * size_);
        if (bare.size() > 1 && with_guard == 0 && side_by_side)
            populate_pages(std::span(&all, 1));
        return list_of(bare);
    }
    std::array<memory_range, most_made> ranges;
    auto const without = bare.subspan(with_guard);
    std::transform(without.begin(), without.end(), ranges.begin(), [&](auto const& s) {
        return memory_range{slot(s), shape_.guard};
    });
    std::array<guard_kind, most_made> guards;
    install_guards(std::span(ranges).first(without.size()), guards.data());
    for (std::size_t i = 0; i < without.size(); ++i)
        without[i].guard = guards[i];
    if (bare.size() > 1) { // one alone is about to be touched anyway
        std::transform(bare.begin(), bare.end(), ranges.begin(), [&](auto const& s) {
            return memory_range{slot(s) + size_ - page_size, page_size};
        });
        populate_pages(std::span(ranges).first(bare.size()));
    }
    return list_of(bare);
}

stack* stack_class::list_of(std::span<idle_stack const> bare) noexcept {
    stack* list = nullptr;
    for (idle_stack const& s : bare) {
        stack* const made = ::new (s.at) stack(*this, s.guard);
        made->link = list;
        list = made;
    }
    return list;
}

void stack_class::give(stack* list) noexcept {
    std::size_t n = 0;
    for (stack const* s = list; s != nullptr; s = s->link)
        ++n;
    std::lock_guard const hold(lock_);
    idle_.resize(idle_.size() + n); // there is room
    for (auto to = idle_.rbegin(); list != nullptr; list = list->link)
        *to++ = {list, list->guard};
    warm_ = warm_ + n;
    batch_ = 1;
}

// Of the coldest, those that nobody has needed since the last look.
void stack_class::release_some_locked() noexcept {
    std::array<memory_range, 64> ranges;
    std::size_t n = 0;
    for (; n < ranges.size() && bare_ + n < unused_; ++n) {
        stack& s = *idle_[bare_ + n].at;
        ranges[n] = {s.bottom(), size_ - shape_.guard};
        unmake(s);
    }
    release_pages(std::span(ranges).first(n));
    bare_ += n;
    warm_ = warm_ - n;
}

// Where several share a page, those that are alone there stay as they are.
void stack_class::release_whole_pages_locked(std::size_t from, std::size_t to) noexcept {
    auto const page_of = [](idle_stack const& s) {
        return reinterpret_cast<std::uintptr_t>(s.at) / page_size;
    };
    auto const begin = idle_.begin() + static_cast<std::ptrdiff_t>(from);
    auto const end = idle_.begin() + static_cast<std::ptrdiff_t>(to);
    std::sort(begin, end, [](auto const& a, auto const& b) { return a.at < b.at; });
    auto whole = begin; // those before it fill their pages
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
            unmake(*at->at);
            std::swap(*whole++, *at);
        }
    }
    release_pages(std::span(&run, run.size != 0 ? 1 : 0));
    std::rotate(idle_.begin() + static_cast<std::ptrdiff_t>(bare_), begin, whole);
    bare_ += static_cast<std::size_t>(whole - begin);
    warm_ = warm_ - static_cast<std::size_t>(whole - begin);
}

void stack_class::unmake(stack& s) noexcept {
    if (s.context.sp != nullptr)
        arch::drop_context(s.context);
    s.~stack();
}

// In steps, so that those who want a stack meanwhile wait for some tens of microseconds, or a millisecond where
// stacks are to be sorted.
void stack_class::release_unused() noexcept {
    constexpr std::size_t most_sorted = 16384;
    for (std::size_t seen = 0; dense();) {
        std::lock_guard const hold(lock_);
        std::size_t const from = std::max(seen, bare_);
        seen = std::min(from + most_sorted, unused_);
        if (from >= seen)
            return;
        release_whole_pages_locked(from, seen);
    }
    for (bool more = true; more;) {
        std::lock_guard const hold(lock_);
        release_some_locked();
        more = bare_ < unused_;
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

namespace {

// Any sysmon, the first one that comes to it, does the ageing for all. Relaxed: whoever comes late finds nothing to do.
std::atomic<clock::rep> ageing_due{0};

} // namespace

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

// Some are looked at, and stand for the others: each takes half a microsecond.
std::size_t stack_class::resident() {
    constexpr std::size_t most_looked_at = 512;
    std::vector<partly_used> slabs; // they stay
    std::size_t bare = 0;
    {
        std::lock_guard const hold(lock_);
        slabs = slabs_;
        bare = bare_;
    }
    std::size_t used = 0;
    for (partly_used const& s : slabs)
        used += static_cast<std::size_t>(s.unused - s.all.begin) / size_;
    if (dense())
        return (used - bare) * size_;
    std::size_t const step = used / most_looked_at + 1;
    std::size_t looked_at = 0, sum = 0;
    for (std::size_t skip = 0; partly_used const& s : slabs) {
        std::byte* at = s.all.begin + skip * size_;
        for (; at < s.unused; at += step * size_, ++looked_at)
            sum += touched_in({at + shape_.guard, size_ - shape_.guard}).resident;
        skip = static_cast<std::size_t>(at - s.unused) / size_;
    }
    return std::max((used - bare) * page_size, looked_at == 0 ? 0 : sum / looked_at * used);
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
