// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/net/socket_record.hpp"

#include "runtime/base/process/exiting.hpp"
#include "runtime/net/bound_path.hpp"
#include "runtime/net/socket_calls.hpp"
#include "runtime/park.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace fiber::rt {
namespace {

using spin = spin_word<lock_rank::wait_queue>;

// Wakes waiters that are out of their queue, with waits that the caller has claimed. Holds no lock.
void wake_all(detail::wait_list& list) noexcept {
    wait_queue waiters(list);
    if (waiters.empty())
        return;
    unpark_batch all;
    while (waiter const* const w = waiters.pop_front())
        all.add(w->key); // *w may be destroyed here
}

} // namespace

// An agent that queues for a direction, or that pauses.
struct socket_record::queued_agent : waiter {
    using waiter::waiter;
    bool granted = false; // written by the claimer, before it wakes the agent
};

socket_record::socket_record(int fd, short_count meaning) noexcept : fd_(fd), short_count_(meaning) {
    adopt_descriptor(fd);
}

socket_record::~socket_record() = default;

void socket_record::lock() noexcept {
    if (spin(lock_word_).lock() == guarded_data::inherited) [[unlikely]]
        forget_parent_locked();
}

void socket_record::unlock() noexcept { spin(lock_word_).unlock(); }

// [fork] In the child, the agents that operated on the socket do not exist.
void socket_record::forget_parent_locked() noexcept {
    operations_ = 0;
    references_ = 1;
    closer_ = {};
    for (side& s : sides_) {
        s.held = false;
        wait_queue(s.waiters).forget_all();
    }
}

// relaxed, here and in deadline(): the lock orders a change that was made before the operation began. A
// later change is followed by wake_waiters, which the snapshot of the readiness orders: [slot.kick].
int socket_record::interruption(direction d) const noexcept {
    if (closed_.load(std::memory_order_relaxed))
        return ECANCELED;
    auto const when = deadline(d);
    return when != never && clock::now() >= when ? ETIMEDOUT : 0;
}

clock::time_point socket_record::deadline(direction d) const noexcept {
    return at(d).deadline.load(std::memory_order_relaxed);
}

int socket_record::enter() noexcept {
    lock();
    bool const is_open = !closed();
    operations_ += is_open;
    unlock();
    return is_open ? 0 : ECANCELED;
}

int socket_record::enter(direction d, clock::time_point limit) noexcept {
    lock();
    if (closed()) {
        unlock();
        return ECANCELED;
    }
    ++operations_;
    side& s = at(d);
    if (s.held || !s.waiters.empty()) [[unlikely]]
        return enter_slow(d, limit);
    s.held = true;
    unlock();
    return 0;
}

// The rest of enter(), with the lock.
int socket_record::enter_slow(direction d, clock::time_point limit) noexcept {
    side& s = at(d);
    int error = 0;
    while ((error = interruption(d)) == 0 && (s.held || !s.waiters.empty())) {
        if (limit != never && clock::now() >= limit) {
            error = ETIMEDOUT;
            break;
        }
        if (wait_in_queue_locked(d, std::min(limit, deadline(d))))
            return 0;
    }
    s.held = s.held || error == 0;
    ticket const closer = error != 0 ? end_operation_locked() : ticket{};
    unlock(); // if the operation has ended, *this may be destroyed here
    if (closer.who != nullptr)
        unpark(closer);
    return error;
}

// Waits in the queue, without the lock. Returns true without the lock if the direction has been granted.
// Returns false with the lock after the deadline or a kick: the waiter is out of the queue.
FIBER_PARKS bool socket_record::wait_in_queue_locked(direction d, clock::time_point until) noexcept {
    queued_agent me(self().open_wait());
    wait_queue(at(d).waiters).push_back(me);
    auto const end = park_until(me.key, until, wait_reason::io, this, [this]() noexcept { unlock(); });
    if (end == wait_end::woken && me.granted)
        return true;
    lock();
    wait_queue(at(d).waiters).withdraw(me);
    return false;
}

void socket_record::take_waiters_locked(direction d, detail::wait_list& to) noexcept {
    wait_queue from(at(d).waiters);
    while (waiter* const w = from.claim_front())
        wait_queue(to).push_back(*w);
}

void socket_record::leave(direction d) noexcept {
    lock();
    side& s = at(d);
    auto* const next = static_cast<queued_agent*>(wait_queue(s.waiters).claim_front());
    s.held = next != nullptr;
    ticket const granted = next != nullptr ? next->key : ticket{};
    if (next != nullptr)
        next->granted = true;
    ticket const closer = end_operation_locked();
    unlock(); // *this may be destroyed here
    if (granted.who != nullptr)
        unpark(granted);
    if (closer.who != nullptr)
        unpark(closer);
}

void socket_record::leave() noexcept {
    lock();
    ticket const closer = end_operation_locked();
    unlock(); // *this may be destroyed here
    if (closer.who != nullptr)
        unpark(closer);
}

// Returns the ticket of an agent that the caller must wake once it has released the lock. The record outlives
// the caller's unlock(): the handle's reference has a closer that waits.
ticket socket_record::end_operation_locked() noexcept {
    return --operations_ == 0 ? std::exchange(closer_, {}) : ticket{};
}

int socket_record::pause(direction d, clock::time_point when) noexcept {
    int error = 0;
    lock();
    while ((error = interruption(d)) == 0 && clock::now() < when)
        static_cast<void>(
            wait_in_queue_locked(d, std::min(when, deadline(d)))); // the holder is granted nothing
    unlock();
    return error;
}

void socket_record::set_deadline(direction d, clock::time_point when) noexcept {
    detail::wait_list waiters;
    lock();
    if (closed()) {
        unlock();
        return;
    }
    at(d).deadline.store(std::max(when, clock::time_point()),
                         std::memory_order_relaxed); // see interruption()
    bool const held = at(d).held;
    take_waiters_locked(d, waiters);
    ++operations_;
    unlock();
    wake_all(waiters);
    if (held)
        wake_waiters(fd_, d);
    leave();
}

void socket_record::close() noexcept { static_cast<void>(end_operations(purpose::close)); }

int socket_record::release() noexcept { return end_operations(purpose::release); }

int socket_record::end_operations(purpose why) noexcept {
    detail::wait_list waiters;
    lock();
    if (closed()) {
        unlock();
        return -1;
    }
    closed_.store(true, std::memory_order_relaxed); // see interruption()
    ++references_;
    take_waiters_locked(direction::read, waiters);
    take_waiters_locked(direction::write, waiters);
    bool const in_use = operations_ != 0;
    unlock();
    if (why == purpose::close && path != nullptr)
        path->unlink();
    int fd = fd_;
    if (in_use) {
        wake_all(waiters);
        wake_waiters(fd, direction::read);
        wake_waiters(fd, direction::write);
        if (exit_has_begun()) // the fibers that operate may never run again
            fd = -1;
        else
            wait_for_operations();
    }
    if (fd != -1) {
        release_descriptor(fd);
        if (why == purpose::close)
            close_socket(fd);
    }
    lock();
    --references_;
    unlock_and_destroy_if_unused();
    return fd;
}

void socket_record::wait_for_operations() noexcept {
    lock();
    if (operations_ == 0) {
        unlock();
        return;
    }
    closer_ = ticket{&self()};
    park(wait_reason::io, this, [this]() noexcept { unlock(); });
}

void socket_record::drop_handle() noexcept {
    lock();
    --references_;
    unlock_and_destroy_if_unused();
}

void socket_record::unlock_and_destroy_if_unused() noexcept {
    bool const unused = references_ == 0 && operations_ == 0;
    unlock(); // if another agent uses the record, it may be destroyed here
    if (unused)
        delete this;
}

} // namespace fiber::rt
