// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/io/young_waits.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>

namespace fiber::rt {
namespace {

using age = descriptor_waiter::age;

// Both are longer than most waits of busy connections. Benchmark: perf/run --net.
constexpr auto time_to_validation = std::chrono::microseconds(800);
constexpr auto time_to_look = std::chrono::milliseconds(5);

} // namespace

void young_waits::add(std::span<descriptor_waiter> waiters, bool end_to_look) noexcept {
    auto const now = clock::now();
    std::lock_guard const hold(lock_);
    for (descriptor_waiter& w : waiters) {
        w.since = now;
        w.ends_to_look = end_to_look;
        push_locked(w, age::fresh);
    }
    set_next_check_locked();
}

bool young_waits::remove(std::span<descriptor_waiter> waiters) noexcept {
    std::lock_guard const hold(lock_);
    bool ended = false;
    for (descriptor_waiter& w : waiters) {
        if (w.listed != age::not_listed)
            take_out_locked(w);
        ended |= w.has_ended;
    }
    set_next_check_locked();
    return ended;
}

std::optional<due_check> young_waits::take_due(clock::time_point now) noexcept {
    std::lock_guard const hold(lock_);
    descriptor_waiter* w = fresh_.first;
    if (w != nullptr && w->since + time_to_validation <= now) {
        take_out_locked(*w);
        if (w->ends_to_look)
            push_locked(*w, age::validated);
        set_next_check_locked();
        return due_check{w->fd, w->in, w->generation, w->key, false};
    }
    w = validated_.first;
    if (w == nullptr || w->since + time_to_look > now)
        return {};
    take_out_locked(*w);
    w->has_ended = true;
    set_next_check_locked();
    return due_check{w->fd, w->in, w->generation, w->key, true};
}

void young_waits::set_next_check_locked() noexcept {
    auto const validation = fresh_.first != nullptr ? fresh_.first->since + time_to_validation : never;
    auto const look = validated_.first != nullptr ? validated_.first->since + time_to_look : never;
    next_check_ = std::min(validation, look);
}

void young_waits::push_locked(descriptor_waiter& w, age a) noexcept {
    list& to = list_of(a);
    w.listed = a;
    w.next_young = nullptr;
    w.previous_young = to.last;
    (to.last != nullptr ? to.last->next_young : to.first) = &w;
    to.last = &w;
}

void young_waits::take_out_locked(descriptor_waiter& w) noexcept {
    list& from = list_of(w.listed);
    (w.previous_young != nullptr ? w.previous_young->next_young : from.first) = w.next_young;
    (w.next_young != nullptr ? w.next_young->previous_young : from.last) = w.previous_young;
    w.listed = age::not_listed;
}

} // namespace fiber::rt
