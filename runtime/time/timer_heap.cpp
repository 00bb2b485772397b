// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/time/timer_heap.hpp"

#include "runtime/base/assert.hpp"

#include <algorithm>
#include <mutex>
#include <new>

namespace fiber::rt {

void timer_heap::make_room() {
    // Only the owner adds timers, so size_ can only have shrunk by the time it arms.
    if (size() < chunk_count_ * chunk_size)
        return;
    if (chunk_count_ == most_chunks)
        fatal("more than %zu timers on one processor", most_chunks * chunk_size);
    if (chunks_ == nullptr)
        chunks_ = std::make_unique<std::unique_ptr<chunk>[]>(most_chunks);
    auto fresh = std::unique_ptr<chunk>(new chunk); // uninitialised: resident as it fills
    // No lock: others look at entries below size_ only, and arm() publishes the chunk before it raises size_.
    chunks_[chunk_count_++] = std::move(fresh);
}

void timer_heap::arm(timer& t) noexcept {
    std::lock_guard const hold(lock_);
    auto const i = size();
    FIBER_ASSERT(i < chunk_count_ * chunk_size);
    size_.store(i + 1, std::memory_order_relaxed); // under the lock
    t.home = this;
    t.armed = true;
    sift_up(i, {t.when, &t});
    publish_earliest();
}

void timer_heap::disarm(timer& t) noexcept {
    if (t.home == nullptr)
        return;
    std::lock_guard const hold(t.home->lock_);
    if (t.armed) {
        t.home->remove(t.place);
        t.home->publish_earliest();
    }
}

timer* timer_heap::expire(clock::time_point now) noexcept {
    if (earliest() > now)
        return nullptr;
    timer* first = nullptr;
    timer** last = &first;
    std::lock_guard const hold(lock_);
    while (size() > 0 && at(0).when <= now) {
        timer& t = *at(0).who;
        remove(0);
        t.fired = party::claim(t.key);
        if (t.fired) { // t stays until its party is woken; one that was not won may go as soon as the lock is free
            *last = &t;
            last = &t.next_expired;
        }
    }
    publish_earliest();
    return first;
}

void timer_heap::remove(std::size_t i) noexcept {
    at(i).who->armed = false;
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
    auto const when = size() > 0 ? at(0).when : never;
    earliest_.store(when.time_since_epoch().count(), std::memory_order_relaxed); // under the lock; read as a guess
}

} // namespace fiber::rt
