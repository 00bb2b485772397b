// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// channel_locked.hpp: the operations on a locked channel, inline, for channel.cpp and select.cpp alone.
// An operation that finds a partner claims it under the lock. After it has released the lock, it moves the
// value between the two stacks and wakes the partner. Tags and invariants: channel.cpp, README.md.
#pragma once

#include "chan/biased_lock.hpp"
#include "runtime/park.hpp"

#include <fiber/detail/channel.hpp>

#include <cstring>

namespace fiber::detail {

// Moves a sender's value into raw memory; the value remains an object. The tests for 8 and 4 bytes make
// copies of constant size: README.md, Decisions.
inline void move_element(element_ops const& ops, void* to, void* from) noexcept {
    if (ops.move != nullptr)
        return ops.move(to, from);
    asm("" : "+r"(to)); // hides `to`: link-time optimisation warns of copies that never happen
    if (ops.size == 8)
        std::memcpy(to, from, 8);
    else if (ops.size == 4)
        std::memcpy(to, from, 4);
    else
        std::memcpy(to, from, ops.size);
}

// Moves a value from the ring into raw memory, and destroys the object in the ring.
inline void relocate_element(element_ops const& ops, void* to, void* from) noexcept {
    move_element(ops, to, from);
    if (ops.destroy != nullptr)
        ops.destroy(from);
}

// One blocked agent. The agent that pops the waiter from its queue and claims the ticket owns the waiter,
// until wake().
struct channel::waiter : rt::waiter {
    waiter(rt::ticket t, void* s) noexcept : rt::waiter(t), slot(s) {}

    void wake(op_status what) noexcept {
        rt::unpark(end_with(what)); // *this may be destroyed here: it is on the stack of the woken agent
    }
    // Sets the outcome, and returns the ticket that the caller must unpark.
    [[nodiscard]] rt::ticket end_with(op_status what) noexcept {
        outcome = what;
        return off_stack ? rt::ticket{key.who} : rt::ticket{key};
    }

    void* const slot;                       // a sender's value; a receiver's raw memory for one
    op_status outcome = op_status::timeout; // success or closed once another agent has ended the wait
    // [select.off_stack] True if an agent that claims the waiter can rely on its agent being parked.
    bool off_stack = false;
};

inline void channel::lock() noexcept {
    if (biased_lock::lock(lock_) != rt::guarded_data::ours) [[unlikely]]
        forget_waiters();
}
inline void channel::unlock() noexcept { biased_lock::unlock(lock_); }

inline op_status channel::probe_send(channel const* c) noexcept {
    if (c == nullptr)
        return op_status::full;
    bool const no_room = c->count_.load(std::memory_order_acquire) == c->capacity_ && // [chan.early]
                         !c->occupied_[receivers].load(std::memory_order_acquire);
    if (c->closed_.load(std::memory_order_acquire)) // [chan.early]
        return op_status::closed;
    return no_room ? op_status::full : op_status::success;
}

inline op_status channel::probe_recv() const noexcept {
    auto const nothing = [this] { // [chan.early]
        return count_.load(std::memory_order_acquire) == 0 &&
               !occupied_[senders].load(std::memory_order_acquire);
    };
    if (!nothing())
        return op_status::success;
    if (!closed_.load(std::memory_order_acquire)) // [chan.early]
        return op_status::empty;
    return nothing() ? op_status::closed : op_status::success;
}

inline void channel::advance(std::byte*& position) const noexcept {
    position += ops_->size;
    if (position == ring_end_)
        position = ring_;
}

inline void channel::ring_push_locked(void* from) noexcept {
    move_element(*ops_, tail_, from);
    advance(tail_);
    count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_release); // [chan.early]
}

inline void channel::ring_pop_locked(void* to) noexcept {
    relocate_element(*ops_, to, head_);
    advance(head_);
    count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_release); // [chan.early]
}

inline void channel::enqueue_locked(side s, waiter& w) noexcept {
    rt::wait_queue(waiting_[s]).push_back(w);
    occupied_[s].store(true, std::memory_order_release); // [chan.early]
}

// Pops waiters until it has claimed one, and returns it, or null if the queue is empty. The caller must wake
// the waiter after it has released the lock.
[[gnu::always_inline]] inline channel::waiter* channel::claim_locked(side s) noexcept {
    if (!occupied_[s].load(std::memory_order_relaxed))
        return nullptr;
    rt::wait_queue list(waiting_[s]);
    auto* const w = static_cast<waiter*>(list.claim_front());
    occupied_[s].store(!list.empty(), std::memory_order_release); // [chan.early]
    return w;
}

// Hands the value to a receiver or puts it into the ring. Returns success, full or closed. If it sets
// `receiver`, that waiter is claimed and the value not moved yet. After the caller has released the lock, it
// must move the value to the receiver's slot and wake the receiver.
[[gnu::always_inline]] inline op_status channel::send_locked(void* value, waiter*& receiver) noexcept {
    if (closed_.load(std::memory_order_relaxed))
        return op_status::closed;
    receiver = claim_locked(receivers);
    if (receiver != nullptr)
        return op_status::success;
    if (count_.load(std::memory_order_relaxed) == capacity_)
        return op_status::full;
    ring_push_locked(value);
    return op_status::success;
}

// Takes the oldest value. Returns success, empty or closed. If it sets `sender`, that waiter is claimed.
// After the caller has released the lock, it must wake the sender.
//   capacity 0     The value is still in the sender's slot: the caller must move it before the wake.
//   capacity > 0   The sender waited because the ring was full. Its value is already in the ring, at the end.
[[gnu::always_inline]] inline op_status channel::recv_locked(void* dst, waiter*& sender) noexcept {
    // If the channel is closed, the senders that still wait belong to the closer.
    bool const closed = closed_.load(std::memory_order_relaxed);
    if (count_.load(std::memory_order_relaxed) > 0) {
        ring_pop_locked(dst);
        if (closed)
            return op_status::success;
        sender = claim_locked(senders);
        if (sender != nullptr)
            ring_push_locked(sender->slot);
        return op_status::success;
    }
    if (closed)
        return op_status::closed;
    sender = claim_locked(senders);
    return sender != nullptr ? op_status::success : op_status::empty;
}

} // namespace fiber::detail
