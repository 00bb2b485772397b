// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// channel_locked.hpp: what is done to a channel under its lock, in line: for channel.cpp and select_op.hpp alone.
// An operation that finds a partner claims it under the lock; what is left to do, moving a value between two
// stacks and waking, comes after the lock. Tags and invariants: channel.cpp, README.md.
#pragma once

#include "chan/biased_lock.hpp"
#include "runtime/park.hpp"

#include <fiber/detail/channel.hpp>

#include <cstring>

namespace fiber::detail {

// From a sender's value to raw memory; the value stays an object. Plain bytes of usual sizes need no call.
inline void move_element(element_ops const& ops, void* to, void* from) noexcept {
    if (ops.move != nullptr)
        return ops.move(to, from);
    asm("" : "+r"(to)); // or link-time optimisation, which knows what is there, warns of copies never made
    if (ops.size == 8)  // to test for the usual sizes saves 2 ns of the 20 that an item in a ring costs
        std::memcpy(to, from, 8);
    else if (ops.size == 4)
        std::memcpy(to, from, 4);
    else
        std::memcpy(to, from, ops.size);
}

// From the ring to raw memory; nothing is left in the ring.
inline void relocate_element(element_ops const& ops, void* to, void* from) noexcept {
    move_element(ops, to, from);
    if (ops.destroy != nullptr)
        ops.destroy(from);
}

// One blocked party. Whoever takes it out of its queue and wins its ticket owns it, until wake().
struct channel::waiter : rt::waiter {
    waiter(rt::ticket t, void* s) noexcept : rt::waiter(t), slot(s) {}

    void wake(op_status what) noexcept {
        rt::unpark(end_with(what)); // *this is gone: it was on the stack of the party just woken
    }
    // What is to be unparked then.
    [[nodiscard]] rt::ticket end_with(op_status what) noexcept {
        outcome = what;
        return off_stack ? rt::ticket{key.who} : rt::ticket{key};
    }

    void* const slot;                       // a sender's value; a receiver's room for one
    op_status outcome = op_status::timeout; // success or closed, once it is woken
    // [select.off_stack] Whoever claims it does so when its party has parked: it need not be found out.
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

// The first waiter that can still be served, whom the caller must wake once the lock is released; or null.
[[gnu::always_inline]] inline channel::waiter* channel::claim_locked(side s) noexcept {
    if (!occupied_[s].load(std::memory_order_relaxed))
        return nullptr;
    rt::wait_queue list(waiting_[s]);
    auto* const w = static_cast<waiter*>(list.claim_front());
    occupied_[s].store(!list.empty(), std::memory_order_release); // [chan.early]
    return w;
}

// `full`: nothing has been done. A receiver that is returned has been claimed: the value is still to be moved to
// its slot, and it to be woken, after the lock.
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

// Likewise. A sender's value is still to be moved from its slot only if there is no ring: else it waited beside a
// full one, and what it has is in there now, the last in order.
[[gnu::always_inline]] inline op_status channel::recv_locked(void* dst, waiter*& sender) noexcept {
    bool const closed =
        closed_.load(std::memory_order_relaxed); // then senders that still wait are the closer's
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
