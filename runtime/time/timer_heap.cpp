// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/time/timer_heap.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

namespace fiber::rt {

void timer_heap::make_more_room() noexcept {
    if (in_slots() >= many)
        buckets_.make_room(std::max(in_slots(), capacity()));
    // Only the owner adds timers. Between here and arm(), size_ can only shrink.
    if (in_slots() < capacity() || chunk_count_ == max_chunks) {
        room_ = in_slots() < many ? many : capacity();
        return;
    }
    if (chunks_ == nullptr)
        chunks_.reset(new (std::nothrow) std::unique_ptr<chunk, free_chunk>[max_chunks]);
    if (chunks_ == nullptr)
        return;
    // Entries and slots are uninitialised until they are written.
    void* const fresh = allocate_huge_page(chunk_count_ == 0 ? page_kind::small : page_kind::huge);
    if (fresh == nullptr)
        return;
    // No lock: others access only entries below size_, and arm() publishes the chunk by locking.
    chunks_[chunk_count_++].reset(static_cast<chunk*>(fresh));
}

void timer_heap::arm(timer& t) noexcept {
    std::lock_guard const hold(lock_);
    t.home = this;
    auto const n = in_slots();
    if (n < capacity()) {
        t.slot = take_slot(t);
        size_.store(n + 1, std::memory_order_relaxed); // under the lock
        if (n >= many && may_wait_in_bucket(t.when))
            slot_at(t.slot).position = buckets_.put(t.slot, t.when) | in_bucket;
        else
            push({t.when, t.slot});
    } else {
        link(t);
    }
    publish_earliest();
}

// Returns true if a timer may be put into a bucket. The earliest timer of all may not: its exact deadline
// must be known, but a bucket tells only the eighth of a millisecond.
bool timer_heap::may_wait_in_bucket(clock::time_point when) noexcept {
    if (heap_size_ == 0 || when < at(0).when)
        return false;
    if (buckets_.empty())
        buckets_.begin_after(at(0).when);
    return buckets_.takes(when);
}

bool timer_heap::arm_from_elsewhere(timer& t) noexcept {
    std::lock_guard const hold(lock_);
    auto const before = earliest();
    t.home = this;
    link(t);
    publish_earliest();
    return earliest() < before;
}

void timer_heap::disarm(timer& t) noexcept {
    if (t.home == nullptr)
        return;
    timer_heap& home = *t.home;
    std::lock_guard const hold(home.lock_);
    if (t.slot == timer::linked) {
        if (!t.armed)
            return;
        home.unlink(t);
    } else {
        if (home.slot_at(t.slot).key != t.key) // t has expired, and another timer may have the slot
            return;
        home.remove(t.slot);
    }
    home.publish_earliest();
}

std::span<ticket> timer_heap::expire(clock::time_point now, std::span<ticket> room) noexcept {
    if (earliest() > now)
        return {};
    std::lock_guard const hold(lock_);
    std::size_t due = 0;
    while (fetch_from_bucket()) {
    }
    for (; due < room.size(); ++due) {
        if (linked_is_first()) [[unlikely]] {
            timer& t = *linked_.first();
            if (t.when > now)
                break;
            room[due] = t.key;
            unlink(t);
        } else {
            if (heap_size_ == 0 || at(0).when > now)
                break;
            room[due] = slot_at(at(0).slot).key;
            remove(at(0).slot);
            while (fetch_from_bucket()) {
            }
        }
        room[due].prefetch_agent();
    }
    publish_earliest();
    // The lock must be held. An agent takes it to disarm its timer before it goes on after a wait.
    // Therefore no agent of these tickets goes on before its ticket is claimed, or found to be claimed
    // already.
    std::size_t won = 0;
    for (ticket const& key : room.first(due))
        if (agent::claim_by_deadline(key))
            room[won++] = key;
    return room.first(won);
}

// The buckets need no check: none of their timers is due before the first timer of the heap.
bool timer_heap::linked_is_first() const noexcept {
    return !linked_.empty() && (heap_size_ == 0 || linked_.earliest() < at(0).when);
}

void timer_heap::link(timer& t) noexcept {
    t.slot = timer::linked;
    t.armed = true;
    linked_.push(t);
    linked_size_.store(linked_.size(), std::memory_order_relaxed); // under the lock
}

void timer_heap::unlink(timer& t) noexcept {
    t.armed = false;
    linked_.remove(t);
    linked_size_.store(linked_.size(), std::memory_order_relaxed); // under the lock
}

// Moves some timers of the first bucket to the heap, unless all of them are due after the heap's first
// timer. Returns true if it moved some.
bool timer_heap::fetch_from_bucket() noexcept {
    if (buckets_.empty() || (heap_size_ > 0 && at(0).when < buckets_.earliest())) [[likely]]
        return false;
    auto const some = buckets_.take_some();
    for (std::uint32_t const i : some)
        prefetch_for_write(&slot_at(i));
    for (std::uint32_t const i : some)
        push({slot_at(i).when, i});
    return true;
}

// Takes a free slot. There is one for each timer within capacity().
std::uint32_t timer_heap::take_slot(timer const& t) noexcept {
    std::uint32_t const i = free_slot_ != none ? free_slot_ : slots_used_++;
    slot& s = slot_at(i);
    if (i == free_slot_)
        free_slot_ = s.position;
    s.key = t.key;
    s.when = t.when;
    return i;
}

void timer_heap::remove(std::uint32_t which) noexcept {
    slot& s = slot_at(which);
    auto const position = s.position;
    if ((position & in_bucket) == 0) {
        remove_from_heap(position);
    } else {
        auto const moved = buckets_.remove(position & ~in_bucket, s.when);
        if (moved != timer_buckets::nobody)
            slot_at(moved).position = position;
    }
    s.key = {};
    s.position = std::exchange(free_slot_, which);
    size_.store(in_slots() - 1, std::memory_order_relaxed); // under the lock
}

void timer_heap::remove_from_heap(std::size_t i) noexcept {
    auto const last = --heap_size_;
    if (i == last)
        return;
    entry const moved = at(last);
    if (i > 0 && moved.when < at((i - 1) / arity).when)
        sift_up(i, moved);
    else
        sift_down(i, moved);
}

void timer_heap::sift_up(std::size_t i, entry e) noexcept {
    while (i > 0) {
        auto const parent = (i - 1) / arity;
        if (at(parent).when <= e.when)
            break;
        put(i, at(parent));
        i = parent;
    }
    put(i, e);
}

namespace {

// Returns the index of the earliest of four entries. It has no branches, since a CPU could not predict
// them.
template <class Entry>
std::size_t earliest_of_four(Entry const* e) noexcept {
    std::size_t const left = e[1].when < e[0].when ? 1 : 0;
    std::size_t const right = e[3].when < e[2].when ? 3 : 2;
    return left + (right - left) * static_cast<std::size_t>(e[right].when < e[left].when);
}

} // namespace

void timer_heap::sift_down(std::size_t i, entry e) noexcept {
    auto const n = heap_size_;
    for (;;) {
        auto const first = i * arity + 1;
        if (first >= n)
            break;
        auto least = first;
        if (first + arity <= n) {
            prefetch_grandchildren(first);
            least += earliest_of_four(&at(first));
        } else {
            for (auto child = first + 1; child < n; ++child)
                if (at(child).when < at(least).when)
                    least = child;
        }
        if (e.when <= at(least).when)
            break;
        put(i, at(least));
        i = least;
    }
    put(i, e);
}

// Prefetches the children of four siblings, before it is known which of them are needed. The upper levels
// are in the cache.
void timer_heap::prefetch_grandchildren(std::size_t first_child) noexcept {
    constexpr std::size_t cached = 1024;
    if (first_child < cached)
        return;
    for (auto child = first_child; child < first_child + arity && child * arity + 1 < heap_size_; ++child)
        __builtin_prefetch(&at(child * arity + 1));
}

void timer_heap::publish_earliest() noexcept {
    auto when = heap_size_ > 0 ? std::min(at(0).when, buckets_.earliest()) : buckets_.earliest();
    when = std::min(when, linked_.earliest());
    earliest_.store(when.time_since_epoch().count(),
                    std::memory_order_relaxed); // under the lock; read as a guess
}

} // namespace fiber::rt
