// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// channel.cpp: how values go from senders to receivers. Invariants, and who owns a value: README.md.
//
// [chan.last] The release of the lock is an operation's last touch of the channel: from then on its partner
//   may return, and destroy the only handle. What is needed later is read before. A party that was woken does
//   not touch the channel either.
// [chan.early] A try_* that is sure to fail says so without the lock: many who poll do not fight for it.
//
//     try_recv                                   all others, under the lock
//   1 acquire: nothing to receive              a count_, occupied: release stores
//   2 acquire: not closed: empty               b closed_: release store, never taken back
//     else 3 acquire: nothing to receive: closed
//
//   Not closed in 2 means not closed in 1: the channel was open and had nothing, which is what `empty` says.
//   Were 2 before 1, it could be drained and closed in between, and never have been open and empty at once.
//   Closed in 2: no value comes in any more, so that nothing in 3 is nothing for ever. try_send does 1 and 2
//   with `no room`, and then `closed` needs no 3. In 1 a single word decides: count_ if there is a ring, for
//   senders wait only beside a full one and receivers beside an empty one; else occupied.
#include <fiber/chan.hpp>

#include "runtime/base/assert.hpp"
#include "runtime/base/spinlock.hpp"
#include "runtime/park.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>

namespace fiber {

closed_channel::closed_channel(char const* what) : std::logic_error(what) {}
closed_channel::~closed_channel() = default;

} // namespace fiber

namespace fiber::detail {
namespace {

using spin = rt::spin_word<rt::lock_rank::channel>;

constexpr std::size_t round_up(std::size_t n, std::size_t to) noexcept { return (n + to - 1) / to * to; }

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
inline void take_element(element_ops const& ops, void* to, void* from) noexcept {
    move_element(ops, to, from);
    if (ops.destroy != nullptr)
        ops.destroy(from);
}

// Nobody will ever end this wait.
[[noreturn]] void wait_for_ever(rt::wait_reason why) noexcept {
    for (;;)
        rt::park(why, nullptr, []() noexcept {});
}

op_status wait_in_vain(rt::wait_reason why, deadline when) noexcept {
    auto const end = rt::park_until(rt::self().open_wait(), when, why, nullptr, []() noexcept {});
    FIBER_ASSERT(end == rt::wait_end::timed_out);
    static_cast<void>(end);
    return op_status::timeout;
}

} // namespace

// One blocked party. Whoever takes it out of its queue and wins its ticket owns it, until wake().
struct channel::waiter : rt::waiter {
    waiter(rt::ticket t, void* s) noexcept : rt::waiter(t), slot(s) {}

    void wake(op_status what) noexcept {
        outcome = what;
        rt::unpark(rt::ticket{key}); // *this is gone: it was on the stack of the party just woken
    }

    void* const slot;                       // a sender's value; a receiver's room for one
    op_status outcome = op_status::timeout; // success or closed, once it is woken
};

channel* channel::make(element_ops const& ops, std::size_t capacity) {
    std::size_t const align = std::max(alignof(channel), ops.align);
    std::size_t const ring = round_up(sizeof(channel), ops.align);
    std::size_t const most = (PTRDIFF_MAX - ring) / ops.size;
    if (capacity > most)
        throw std::length_error("fiber::chan: capacity " + std::to_string(capacity) + " is more than " +
                                std::to_string(most) + ", the most for elements of " +
                                std::to_string(ops.size) + " bytes");
    auto const bytes = ring + capacity * ops.size;
    void* const memory = ::operator new (bytes, std::align_val_t{align});
    return ::new (memory) channel(ops, capacity, static_cast<std::byte*>(memory) + ring);
}

void channel::refuse_capacity(long long negative) {
    throw std::length_error("fiber::chan: capacity " + std::to_string(negative) + " is negative");
}

channel::channel(element_ops const& ops, std::size_t capacity, std::byte* ring) noexcept
    : put_(ring), take_(ring), capacity_(capacity), ops_(&ops), ring_(ring),
      ring_end_(ring + capacity * ops.size) {}

channel::~channel() {
    if (ops_->destroy == nullptr)
        return;
    for (auto left = count_.load(std::memory_order_relaxed); left > 0; --left) {
        ops_->destroy(take_);
        advance(take_);
    }
}

void channel::retain(channel* c) noexcept {
    if (c != nullptr)
        c->references_.fetch_add(1, std::memory_order_relaxed); // the caller's own reference keeps it alive
}

void channel::release(channel* c) noexcept {
    // acq_rel: what others did with the channel comes before its destruction by the last of them.
    if (c == nullptr || c->references_.fetch_sub(1, std::memory_order_acq_rel) != 1)
        return;
    std::align_val_t const align{std::max(alignof(channel), c->ops_->align)};
    c->~channel();
    ::operator delete(static_cast<void*>(c), align);
}

void channel::lock() noexcept {
    if (spin(lock_).lock() == rt::guarded_data::ours) [[likely]]
        return;
    for (queue* const q :
         {&receivers_, &senders_}) { // [fork] all who waited have stayed behind in the parent
        rt::wait_queue(q->list).forget_all();
        q->occupied.store(false, std::memory_order_release); // [chan.early]
    }
}
void channel::unlock() noexcept { spin(lock_).unlock(); }

inline void channel::advance(std::byte*& place) const noexcept {
    place += ops_->size;
    if (place == ring_end_)
        place = ring_;
}

inline void channel::ring_put_locked(void* from) noexcept {
    move_element(*ops_, put_, from);
    advance(put_);
    count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_release); // [chan.early]
}

inline void channel::ring_take_locked(void* to) noexcept {
    take_element(*ops_, to, take_);
    advance(take_);
    count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_release); // [chan.early]
}

void channel::enqueue_locked(queue& q, waiter& w) noexcept {
    rt::wait_queue(q.list).push_back(w);
    q.occupied.store(true, std::memory_order_release); // [chan.early]
}

// After a time-out: another party may have taken it out already, and lost its ticket.
void channel::withdraw(queue& q, waiter& w) noexcept {
    lock();
    rt::wait_queue list(q.list);
    if (w.queued())
        list.remove(w);
    q.occupied.store(!list.empty(), std::memory_order_release); // [chan.early]
    unlock();
}

// The first waiter that can still be served, whom the caller must wake once the lock is released; or null.
[[gnu::always_inline]] inline channel::waiter* channel::claim_locked(queue& q) noexcept {
    if (!q.occupied.load(std::memory_order_relaxed))
        return nullptr;
    rt::wait_queue list(q.list);
    auto* const w = static_cast<waiter*>(list.claim_front());
    q.occupied.store(!list.empty(), std::memory_order_release); // [chan.early]
    return w;
}

rt::wait_reason channel::reason(queue const& q) const noexcept {
    return &q == &senders_ ? rt::wait_reason::chan_send : rt::wait_reason::chan_recv;
}

// The caller becomes a waiter, and the lock is released when it is off its stack: see [park].
op_status channel::wait_locked(queue& q, void* slot) noexcept {
    waiter w({&rt::self()}, slot);
    enqueue_locked(q, w);
    rt::park(reason(q), this, [this]() noexcept { unlock(); });
    return w.outcome; // [chan.last]
}

op_status channel::wait_locked(queue& q, void* slot, deadline when) noexcept {
    waiter w(rt::self().open_wait(), slot);
    enqueue_locked(q, w);
    auto const end = rt::park_until(w.key, when, reason(q), this, [this]() noexcept { unlock(); });
    if (end == rt::wait_end::timed_out)
        withdraw(q, w);
    return w.outcome; // [chan.last]
}

// Like its counterpart, in line in its three callers: a ping-pong takes 115 ns then, not 130.
[[gnu::always_inline]] inline op_status channel::send_or_stay_locked(void* value) noexcept {
    lock();
    if (closed_.load(std::memory_order_relaxed)) {
        unlock();
        return op_status::closed;
    }
    if (waiter* const receiver = claim_locked(receivers_)) {
        element_ops const& ops = *ops_;
        unlock(); // [chan.last]
        move_element(ops, receiver->slot, value);
        receiver->wake(op_status::success);
        return op_status::success;
    }
    if (count_.load(std::memory_order_relaxed) == capacity_)
        return op_status::full;
    ring_put_locked(value);
    unlock();
    return op_status::success;
}

void channel::send(channel* c, void* value) {
    if (c == nullptr)
        wait_for_ever(rt::wait_reason::chan_send);
    op_status status = c->send_or_stay_locked(value);
    if (status == op_status::full)
        status = c->wait_locked(c->senders_, value);
    if (status == op_status::closed)
        throw closed_channel("fiber::chan: send to a closed channel");
}

op_status channel::try_send(channel* c, void* value) noexcept {
    if (op_status const status = send_obstacle(c); status != op_status::success)
        return status;
    op_status const status = c->send_or_stay_locked(value);
    if (status == op_status::full)
        c->unlock();
    return status;
}

op_status channel::send_until(channel* c, void* value, deadline when) noexcept {
    if (c == nullptr)
        return wait_in_vain(rt::wait_reason::chan_send, when);
    op_status const status = c->send_or_stay_locked(value);
    return status == op_status::full ? c->wait_locked(c->senders_, value, when) : status;
}

op_status channel::send_obstacle(channel const* c) noexcept {
    if (c == nullptr)
        return op_status::full;
    bool const no_room = c->count_.load(std::memory_order_acquire) == c->capacity_ && // [chan.early]
                         !c->receivers_.occupied.load(std::memory_order_acquire);
    if (c->closed_.load(std::memory_order_acquire)) // [chan.early]
        return op_status::closed;
    return no_room ? op_status::full : op_status::success;
}

[[gnu::always_inline]] inline op_status channel::recv_or_stay_locked(void* room) noexcept {
    lock();
    if (count_.load(std::memory_order_relaxed) > 0) {
        ring_take_locked(room);
        waiter* const sender = claim_locked(senders_);
        if (sender != nullptr)
            ring_put_locked(sender->slot); // it was full: what the first sender has is next in order
        unlock();                          // [chan.last]
        if (sender != nullptr)
            sender->wake(op_status::success);
        return op_status::success;
    }
    if (waiter* const sender = claim_locked(senders_)) {
        element_ops const& ops = *ops_;
        unlock(); // [chan.last]
        move_element(ops, room, sender->slot);
        sender->wake(op_status::success);
        return op_status::success;
    }
    if (!closed_.load(std::memory_order_relaxed))
        return op_status::empty;
    unlock();
    return op_status::closed;
}

bool channel::recv(channel* c, void* room) noexcept {
    if (c == nullptr)
        wait_for_ever(rt::wait_reason::chan_recv);
    op_status status = c->recv_or_stay_locked(room);
    if (status == op_status::empty)
        status = c->wait_locked(c->receivers_, room);
    return status == op_status::success;
}

op_status channel::try_recv(channel* c, void* room) noexcept {
    if (c == nullptr)
        return op_status::empty;
    if (op_status const status = c->recv_obstacle(); status != op_status::success)
        return status;
    op_status const status = c->recv_or_stay_locked(room);
    if (status == op_status::empty)
        c->unlock();
    return status;
}

op_status channel::recv_until(channel* c, void* room, deadline when) noexcept {
    if (c == nullptr)
        return wait_in_vain(rt::wait_reason::chan_recv, when);
    op_status const status = c->recv_or_stay_locked(room);
    return status == op_status::empty ? c->wait_locked(c->receivers_, room, when) : status;
}

op_status channel::recv_obstacle() const noexcept {
    auto const nothing = [this] { // [chan.early]
        return count_.load(std::memory_order_acquire) == 0 &&
               !senders_.occupied.load(std::memory_order_acquire);
    };
    if (!nothing())
        return op_status::success;
    if (!closed_.load(std::memory_order_acquire)) // [chan.early]
        return op_status::empty;
    return nothing() ? op_status::closed : op_status::success;
}

void channel::close(channel* c) {
    if (c == nullptr)
        throw closed_channel("fiber::chan: close of a null channel");
    c->lock();
    if (c->closed_.load(std::memory_order_relaxed)) {
        c->unlock();
        throw closed_channel("fiber::chan: close of a closed channel");
    }
    c->closed_.store(true, std::memory_order_release); // [chan.early]
    wait_list claimed; // all that still wait are ours; the queues stay empty from now on
    for (queue* q : {&c->receivers_, &c->senders_})
        while (waiter* const w = claim_locked(*q))
            rt::wait_queue(claimed).push_back(*w);
    c->unlock(); // [chan.last]
    while (rt::waiter* const w = rt::wait_queue(claimed).pop_front())
        static_cast<waiter*>(w)->wake(op_status::closed);
}

bool channel::closed(channel const* c) noexcept {
    return c != nullptr && c->closed_.load(std::memory_order_acquire); // [chan.early]
}

std::size_t channel::size(channel const* c) noexcept {
    return c == nullptr ? 0 : c->count_.load(std::memory_order_relaxed); // a guess, and orders nothing
}

std::size_t channel::capacity(channel const* c) noexcept { return c == nullptr ? 0 : c->capacity_; }

} // namespace fiber::detail
