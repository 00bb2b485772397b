// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// channel.cpp: the operations of a channel: how values go from senders to receivers. README.md has the
// invariants, and the owner of a value at each moment.
//
// [chan.last] The release of the lock is the last access of an operation to the channel. After the release
//   the partner may return and destroy the only handle. Therefore an operation reads before the release
//   everything that it needs later. An agent that was woken does not access the channel either.
//
// [chan.early] A try_* that is sure to fail returns without the lock: agents that poll do not compete for it.
//
//   try_recv                                       all other operations, under the lock
//   T1 acquire: nothing to receive? else lock      L1 count_, occupied_: release stores
//   T2 acquire: closed? else return empty          L2 closed_: release store, never reset
//   T3 acquire: nothing to receive? else lock
//   T4 return closed
//
//   not closed in T2   The channel was not closed in T1 either. In T1 it was open and had nothing, which is
//                      the meaning of `empty`.
//                      T2 before T1 would be wrong. Between the two the channel could be drained and closed:
//                      it would never have been open and empty at the same time.
//   closed in T2       No value comes in any more. If there is nothing in T3, there is nothing for ever.
//   try_send           It runs T1 and T2 with "no room" for "nothing to receive". `closed` needs no T3.
//   one word decides   With a ring, T1 depends on count_ alone: senders wait only beside a full ring, and
//                      receivers only beside an empty one. Without a ring it depends on occupied_ alone.
#include <fiber/detail/channel.hpp>

#include "chan/channel_locked.hpp"
#include "runtime/base/platform/peek.hpp"
#include "runtime/base/platform/stride_predictor.hpp"
#include "runtime/base/process/assert.hpp"
#include "runtime/park.hpp"
#include "runtime/wait/wait_object.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>

namespace fiber {

closed_channel::closed_channel(char const* what) : std::logic_error(what) {}
closed_channel::~closed_channel() = default;

} // namespace fiber

namespace fiber::detail {
namespace {

constexpr std::size_t round_up(std::size_t n, std::size_t to) noexcept { return (n + to - 1) / to * to; }

// Blocks for ever: no agent can end this wait.
[[noreturn]] void wait_forever(rt::wait_reason why) noexcept {
    for (;;)
        rt::park(why, nullptr, []() noexcept {});
}

op_status wait_until_timeout(rt::wait_reason why, deadline when) noexcept {
    auto const end = rt::park_until(rt::self().open_wait(), when, why, nullptr, []() noexcept {});
    FIBER_ASSERT(end == rt::wait_end::timed_out);
    static_cast<void>(end);
    return op_status::timeout;
}

} // namespace

channel* channel::make(element_ops const& ops, std::size_t capacity) {
    std::size_t const align = std::max(alignof(channel), ops.align);
    std::size_t const ring = round_up(sizeof(channel), ops.align);
    std::size_t const max = (PTRDIFF_MAX - ring) / ops.size;
    if (capacity > max)
        throw std::length_error("fiber::chan: capacity " + std::to_string(capacity) + " is more than " +
                                std::to_string(max) + ", the most for elements of " +
                                std::to_string(ops.size) + " bytes");
    auto const bytes = ring + capacity * ops.size;
    void* const memory = ::operator new (bytes, std::align_val_t{align});
    return ::new (memory) channel(ops, capacity, static_cast<std::byte*>(memory) + ring);
}

void channel::throw_negative_capacity(long long negative) {
    throw std::length_error("fiber::chan: capacity " + std::to_string(negative) + " is negative");
}

channel::channel(element_ops const& ops, std::size_t capacity, std::byte* ring) noexcept
    : capacity_(capacity), ops_(&ops), tail_(ring), head_(ring), ring_(ring),
      ring_end_(ring + capacity * ops.size) {}

channel::~channel() {
    if (ops_->destroy == nullptr)
        return;
    for (auto left = count_.load(std::memory_order_relaxed); left > 0; --left) {
        ops_->destroy(head_);
        advance(head_);
    }
}

void channel::retain(channel* c) noexcept {
    if (c != nullptr)
        // relaxed: the caller's own reference keeps the channel alive
        c->references_.fetch_add(1, std::memory_order_relaxed);
}

bool channel::retain_unless_zero(channel* c) noexcept {
    auto seen = c->references_.load(std::memory_order_relaxed);
    while (seen != 0)
        if (c->references_.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed)) // see retain()
            return true;
    return false;
}

bool channel::release_unless_last(channel* c) noexcept {
    auto seen = c->references_.load(std::memory_order_relaxed);
    while (seen != 1)
        // release: what the caller did with the channel happens before the last release destroys it
        if (c->references_.compare_exchange_weak(seen, seen - 1, std::memory_order_release,
                                                 std::memory_order_relaxed))
            return true;
    return false;
}

void channel::release(channel* c) noexcept {
    // acq_rel: what other agents did with the channel happens before the last release destroys it.
    while (c != nullptr && c->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        channel* const next = c->attachment_ != nullptr ? c->attachment_->on_last_release() : nullptr;
        std::align_val_t const align{std::max(alignof(channel), c->ops_->align)};
        c->~channel();
        ::operator delete(static_cast<void*>(c), align);
        c = next;
    }
}

// [fork] Empties both queues: the agents that waited exist only in the parent.
void channel::forget_waiters() noexcept {
    for (side const s : {receivers, senders}) {
        rt::wait_queue(waiting_[s]).forget_all();
        occupied_[s].store(false, std::memory_order_release); // [chan.early]
    }
}

// Takes out a waiter after its wait is over.
void channel::withdraw_locked(side s, waiter& w) noexcept {
    rt::wait_queue list(waiting_[s]);
    list.withdraw(w);
    occupied_[s].store(!list.empty(), std::memory_order_release); // [chan.early]
}

rt::wait_reason channel::reason(side s) noexcept {
    return s == senders ? rt::wait_reason::chan_send : rt::wait_reason::chan_recv;
}

// Enqueues the caller and parks it. The commit function releases the lock, off the caller's stack: [park].
op_status channel::wait_locked(side s, void* slot) noexcept {
    waiter w({&rt::self()}, slot);
    enqueue_locked(s, w);
    rt::park(reason(s), this, [this]() noexcept { unlock(); });
    return w.outcome; // [chan.last]
}

op_status channel::wait_locked(side s, void* slot, deadline when) noexcept {
    waiter w(rt::self().open_wait(), slot);
    enqueue_locked(s, w);
    auto const end = rt::park_until(w.key, when, reason(s), this, [this]() noexcept { unlock(); });
    if (end == rt::wait_end::timed_out) {
        lock();
        withdraw_locked(s, w);
        unlock();
    }
    return w.outcome; // [chan.last]
}

// always_inline into its three callers, as recv_or_stay_locked(): README.md, Decisions.
[[gnu::always_inline]] inline op_status channel::send_or_stay_locked(void* value) noexcept {
    lock();
    waiter* receiver = nullptr;
    op_status const status = send_locked(value, receiver);
    if (status == op_status::full)
        return status;
    element_ops const& ops = *ops_;
    unlock(); // [chan.last]
    if (receiver != nullptr) {
        move_element(ops, receiver->slot, value);
        receiver->wake(op_status::success);
    }
    return status;
}

FIBER_PARKS void channel::send_by_waiting(void* value) {
    if (wait_locked(senders, value) == op_status::closed)
        throw closed_channel("fiber::chan: send to a closed channel");
}

void channel::send(channel* c, void* value) {
    if (c == nullptr)
        wait_forever(rt::wait_reason::chan_send);
    op_status const status = c->send_or_stay_locked(value);
    if (status == op_status::full)
        return c->send_by_waiting(value);
    if (status == op_status::closed)
        throw closed_channel("fiber::chan: send to a closed channel");
}

op_status channel::try_send(channel* c, void* value) noexcept {
    if (op_status const status = probe_send(c); status != op_status::success)
        return status;
    op_status const status = c->send_or_stay_locked(value);
    if (status == op_status::full)
        c->unlock();
    return status;
}

op_status channel::send_until(channel* c, void* value, deadline when) noexcept {
    if (c == nullptr)
        return wait_until_timeout(rt::wait_reason::chan_send, when);
    op_status const status = c->send_or_stay_locked(value);
    return status == op_status::full ? c->wait_locked(senders, value, when) : status;
}

op_status channel::send_readiness(channel const* c) noexcept { return probe_send(c); }

[[gnu::always_inline]] inline op_status channel::recv_or_stay_locked(void* dst) noexcept {
    lock();
    waiter* sender = nullptr;
    op_status const status = recv_locked(dst, sender);
    if (status == op_status::empty)
        return status;
    element_ops const& ops = *ops_;
    bool const direct = capacity_ == 0;
    unlock(); // [chan.last]
    if (sender != nullptr) {
        if (direct)
            move_element(ops, dst, sender->slot);
        sender->wake(op_status::success);
    }
    return status;
}

FIBER_PARKS bool channel::recv_by_waiting(void* dst) noexcept {
    return wait_locked(receivers, dst) == op_status::success;
}

bool channel::recv(channel* c, void* dst) noexcept {
    if (c == nullptr)
        wait_forever(rt::wait_reason::chan_recv);
    op_status const status = c->recv_or_stay_locked(dst);
    if (status == op_status::empty)
        return c->recv_by_waiting(dst);
    return status == op_status::success;
}

op_status channel::try_recv(channel* c, void* dst) noexcept {
    if (c == nullptr)
        return op_status::empty;
    if (op_status const status = c->probe_recv(); status != op_status::success)
        return status;
    op_status const status = c->recv_or_stay_locked(dst);
    if (status == op_status::empty)
        c->unlock();
    return status;
}

op_status channel::recv_until(channel* c, void* dst, deadline when) noexcept {
    if (c == nullptr)
        return wait_until_timeout(rt::wait_reason::chan_recv, when);
    op_status const status = c->recv_or_stay_locked(dst);
    return status == op_status::empty ? c->wait_locked(receivers, dst, when) : status;
}

void channel::close(channel* c) {
    if (c == nullptr)
        throw closed_channel("fiber::chan: close of a null channel");
    c->lock();
    if (c->closed_.load(std::memory_order_relaxed)) {
        c->unlock();
        throw closed_channel("fiber::chan: close of a closed channel");
    }
    c->closed_.store(true, std::memory_order_release); // [chan.early] no agent starts to wait from now on
    wait_list claimed;
    rt::stride_predictor stride;
    if (c->claim_some_locked(claimed, stride)) {
        c->unlock(); // [chan.last]
        wake_closed(claimed);
        return;
    }
    retain(c); // the agents of the first batch may release the last handle before the second batch
    bool all = false;
    do {
        c->unlock();
        wake_closed(claimed);
        c->lock();
        all = c->claim_some_locked(claimed, stride);
    } while (!all);
    c->unlock();
    wake_closed(claimed);
    release(c);
}

// Claims up to 64 waiters: the lock is held briefly. Returns true if no waiter is left in either queue.
// Prefetches later waiters: each lies on the stack of its agent, and only the waiter before it has its
// address. A wrong guess costs a useless prefetch. perf/run --rivals, wake_all
bool channel::claim_some_locked(wait_list& claimed, rt::stride_predictor& stride) noexcept {
    constexpr auto prefetch_waiter = [](std::uintptr_t guess) noexcept {
        if (guess == 0)
            return;
        __builtin_prefetch(reinterpret_cast<void const*>(guess), 1);
        __builtin_prefetch(reinterpret_cast<void const*>(guess + sizeof(waiter) - 1), 1);
    };
    int room = 64;
    for (side const s : {receivers, senders})
        while (waiter* const w = room-- > 0 ? claim_locked(s) : nullptr) {
            prefetch_waiter(stride.observe(reinterpret_cast<std::uintptr_t>(w)));
            w->key.prefetch_agent();
            rt::wait_queue(claimed).push_back(*w);
        }
    return waiting_[receivers].empty() && waiting_[senders].empty();
}

void channel::wake_closed(wait_list& claimed) noexcept {
    rt::unpark_batch all;
    while (rt::waiter* const w = rt::wait_queue(claimed).pop_front())
        all.add(static_cast<waiter*>(w)->end_with(op_status::closed));
}

bool channel::closed(channel const* c) noexcept {
    return c != nullptr && c->closed_.load(std::memory_order_acquire); // [chan.early]
}

std::size_t channel::size(channel const* c) noexcept {
    return c == nullptr ? 0 : c->count_.load(std::memory_order_relaxed); // a snapshot, which orders nothing
}

std::size_t channel::capacity(channel const* c) noexcept { return c == nullptr ? 0 : c->capacity_; }

// [chan.last] The channel may be gone, if the waiter has been claimed and not been woken yet.
bool channel::peek_facts(channel const* c, rt::channel_facts& to, int self) noexcept {
    static_assert(sizeof(std::atomic<std::size_t>) == sizeof(std::size_t));
    return rt::peek(self, reinterpret_cast<std::size_t const*>(&c->count_), to.size, &c->capacity_,
                    to.capacity);
}

namespace {

[[gnu::constructor(102)]] void answer_dumps() {
    rt::facts_of_channel = [](void const* c, rt::channel_facts& to, int self) noexcept {
        return channel::peek_facts(static_cast<channel const*>(c), to, self);
    };
}

} // namespace

} // namespace fiber::detail
