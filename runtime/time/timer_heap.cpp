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
    if (size() < chunk_count_ * chunk_size || chunk_count_ == most_chunks)
        return;
    if (chunks_ == nullptr)
        chunks_.reset(new (std::nothrow) std::unique_ptr<chunk>[most_chunks]);
    if (chunks_ == nullptr)
        return;
    chunk* const fresh = new (std::nothrow) chunk;
    if (fresh == nullptr)
        return;
    // No lock: others look at entries below size_ only, and arm() publishes the chunk with the lock.
    chunks_[chunk_count_++].reset(fresh);
}

void timer_heap::arm(timer& t) noexcept {
    std::lock_guard const hold(lock_);
    t.home = this;
    t.armed = true;
    if (auto const i = size(); i < chunk_count_ * chunk_size) {
        t.slot = take_slot(t);
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
    t.armed = true;
    link(t);
    publish_earliest();
}

void timer_heap::disarm(timer& t) noexcept {
    if (t.home == nullptr)
        return;
    std::lock_guard const hold(t.home->lock_);
    if (!t.armed)
        return;
    if (t.slot == timer::listed)
        t.home->unlink(t);
    else
        t.home->remove(t);
    t.home->publish_earliest();
}

timer* timer_heap::expire(clock::time_point now) noexcept {
    if (earliest() > now)
        return nullptr;
    timer* first = nullptr;
    timer** last = &first;
    auto const claim = [&](timer& t) {
        t.next = nullptr;
        t.fired = party::claim(t.key);
        if (t.fired) { // t stays until its party is woken; one that was not won may go as soon as the lock is free
            *last = &t;
            last = &t.next;
        }
    };
    std::lock_guard const hold(lock_);
    while (size() > 0 && at(0).when <= now) {
        timer& t = *slot_at(at(0).slot).who;
        remove(t);
        if (size() > 0) // probably the next one; cold, as is the party that it belongs to
            __builtin_prefetch(slot_at(at(0).slot).who);
        claim(t);
    }
    for (timer* t = first_listed_; t != nullptr;) {
        timer* const after = t->next;
        if (t->when <= now) {
            unlink(*t);
            claim(*t);
        }
        t = after;
    }
    publish_earliest();
    return first;
}

void timer_heap::link(timer& t) noexcept {
    t.slot = timer::listed;
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
std::uint32_t timer_heap::take_slot(timer& t) noexcept {
    std::uint32_t const i = free_slot_ != none ? free_slot_ : slots_used_++;
    slot& s = slot_at(i);
    if (i == free_slot_)
        free_slot_ = s.place;
    s.who = &t;
    return i;
}

void timer_heap::remove(timer& t) noexcept {
    t.armed = false;
    slot& s = slot_at(t.slot);
    std::size_t const i = s.place;
    s = {nullptr, std::exchange(free_slot_, t.slot)};
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

void timer_heap::sift_down(std::size_t i, entry e) noexcept {
    auto const n = size();
    for (;;) {
        auto const first = i * arity + 1;
        if (first >= n)
            break;
        auto least = first;
        for (auto child = first + 1; child < std::min(first + arity, n); ++child)
            if (at(child).when < at(least).when)
                least = child;
        if (e.when <= at(least).when)
            break;
        put(i, at(least));
        i = least;
    }
    put(i, e);
}

void timer_heap::publish_earliest() noexcept {
    auto when = size() > 0 ? at(0).when : never;
    for (timer const* t = first_listed_; t != nullptr; t = t->next)
        when = std::min(when, t->when);
    earliest_.store(when.time_since_epoch().count(),
                    std::memory_order_relaxed); // under the lock; read as a guess
}

} // namespace fiber::rt
