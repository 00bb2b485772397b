// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/time/timer_heap.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

namespace fiber::rt {

void timer_heap::make_room() noexcept {
    // Only the owner adds timers, so size_ can only have shrunk by the time it arms.
    if (has_room() || chunk_count_ == most_chunks)
        return;
    if (chunks_ == nullptr)
        chunks_.reset(new (std::nothrow) std::unique_ptr<chunk, free_chunk>[most_chunks]);
    if (chunks_ == nullptr)
        return;
    // Entries and slots come to life when they are written.
    void* const fresh = allocate_huge_page(chunk_count_ == 0 ? page_kind::small : page_kind::huge);
    if (fresh == nullptr)
        return;
    // No lock: others look at entries below size_ only, and arm() publishes the chunk with the lock.
    chunks_[chunk_count_++].reset(static_cast<chunk*>(fresh));
}

void timer_heap::arm(timer& t) noexcept {
    std::lock_guard const hold(lock_);
    t.home = this;
    if (has_room()) {
        auto const i = size();
        t.slot = take_slot(t.key);
        size_.store(i + 1, std::memory_order_relaxed); // under the lock
        sift_up(i, {t.when, t.slot});
    } else {
        link(t);
    }
    publish_earliest();
}

void timer_heap::arm_from_elsewhere(timer& t) noexcept {
    std::lock_guard const hold(lock_);
    t.home = this;
    link(t);
    publish_earliest();
}

void timer_heap::disarm(timer& t) noexcept {
    if (t.home == nullptr)
        return;
    timer_heap& home = *t.home;
    std::lock_guard const hold(home.lock_);
    if (t.slot == timer::listed) {
        if (!t.armed)
            return;
        home.unlink(t);
    } else {
        if (home.slot_at(t.slot).key != t.key) // it has expired, and another may have the slot
            return;
        home.remove(t.slot);
    }
    home.publish_earliest();
}

namespace {

// Two lines: to wake a fiber is to touch what stands behind its party as well.
void prefetch_party(party const& who) noexcept {
    auto const* const here = reinterpret_cast<std::byte const*>(&who);
    __builtin_prefetch(here);
    __builtin_prefetch(here + cache_line);
}

} // namespace

std::span<ticket> timer_heap::expire(clock::time_point now, std::span<ticket> room) noexcept {
    if (earliest() > now)
        return {};
    std::lock_guard const hold(lock_);
    std::size_t due = 0;
    for (; due < room.size() && size() > 0 && at(0).when <= now; ++due) {
        room[due] = slot_at(at(0).slot).key;
        prefetch_party(*room[due].who);
        remove(at(0).slot);
    }
    for (timer* t = first_listed_; t != nullptr && due < room.size();) {
        timer* const after = t->next;
        if (t->when <= now) {
            room[due++] = t->key;
            unlink(*t);
        }
        t = after;
    }
    publish_earliest();
    // Under the lock: the timer of a wait that is over has been disarmed, or will be, before its party goes on.
    std::size_t won = 0;
    for (ticket const& key : room.first(due))
        if (party::claim_by_deadline(key))
            room[won++] = key;
    return room.first(won);
}

void timer_heap::link(timer& t) noexcept {
    t.slot = timer::listed;
    t.armed = true;
    t.prev = nullptr;
    t.next = first_listed_;
    if (first_listed_ != nullptr)
        first_listed_->prev = &t;
    first_listed_ = &t;
}

void timer_heap::unlink(timer& t) noexcept {
    t.armed = false;
    (t.prev != nullptr ? t.prev->next : first_listed_) = t.next;
    if (t.next != nullptr)
        t.next->prev = t.prev;
}

// There is one for each timer that there is room for.
std::uint32_t timer_heap::take_slot(ticket key) noexcept {
    std::uint32_t const i = free_slot_ != none ? free_slot_ : slots_used_++;
    slot& s = slot_at(i);
    if (i == free_slot_)
        free_slot_ = s.place;
    s.key = key;
    return i;
}

void timer_heap::remove(std::uint32_t which) noexcept {
    slot& s = slot_at(which);
    std::size_t const i = s.place;
    s = {{}, std::exchange(free_slot_, which)};
    auto const last = size() - 1;
    size_.store(last, std::memory_order_relaxed); // under the lock
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

// Without branches, since nobody could predict them.
template <class Entry>
std::size_t earliest_of_four(Entry const* e) noexcept {
    std::size_t const left = e[1].when < e[0].when ? 1 : 0;
    std::size_t const right = e[3].when < e[2].when ? 3 : 2;
    return left + (right - left) * static_cast<std::size_t>(e[right].when < e[left].when);
}

} // namespace

void timer_heap::sift_down(std::size_t i, entry e) noexcept {
    auto const n = size();
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

// The upper levels are in the cache. Of the lower ones, the next is fetched before it is known which part is needed.
void timer_heap::prefetch_grandchildren(std::size_t first_child) noexcept {
    constexpr std::size_t cached = 1024;
    if (first_child < cached)
        return;
    for (auto child = first_child; child < first_child + arity && child * arity + 1 < size(); ++child)
        __builtin_prefetch(&at(child * arity + 1));
}

void timer_heap::publish_earliest() noexcept {
    auto when = size() > 0 ? at(0).when : never;
    for (timer const* t = first_listed_; t != nullptr; t = t->next)
        when = std::min(when, t->when);
    earliest_.store(when.time_since_epoch().count(),
                    std::memory_order_relaxed); // under the lock; read as a guess
}

} // namespace fiber::rt
