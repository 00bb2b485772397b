// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_op.hpp: one of several operations, in the order of Go's. For select.cpp, which has what every select goes through,
// and select_timed.cpp: time-outs, stop tokens, `otherwise`, very many channels.
//
//   1 look at every case without locks, choose one of those that look ready, and try it under its own lock
//   2 lock all channels, by rising address; choose among those that are ready, and have it done
//   3 none: put a waiter for each case into its queue, all with one contested ticket; unlock; park
//   4 woken by the one who has claimed the ticket: take the other waiters out of their queues
//
// Step 2 and 3 are one moment for all channels: `otherwise` runs only if at that moment nothing was ready, and
//   whoever makes something ready later meets a waiter. Two selects cannot wait for each other in vain.
// [select.self] A select looks for partners before its own waiters are in the queues, and not after. So one that
//   sends and receives on the same channel never meets itself.
// [select.claim] A waiter's slot and outcome belong to whoever claims the ticket: one partner, one close, the timer, or one
//   stop request. That one writes before it settles the wait; this party reads after. So one waiter at most has an
//   outcome. A value that is to be sent is moved by the partner that has claimed its waiter, and no other.
// [select.off_stack] If nothing but the channels can end the wait, their locks are released by the commit function: who
//   claims it then finds the party parked, and two atomic operations are saved. The commit function reads what it has to
//   unlock before it unlocks anything, since after the first one the party may run, and go.
// [select.same] Of several cases that wait for the same side of one channel a partner meets the first in the
//   queue, and no other. One of them, chosen at random, is put into it; the others have waiters that stand
//   in no queue.
// [select.destruction] The channel of the case that was done is not touched after the wake: its last handle may be gone,
//   unless it is named twice. The others must live until select has returned.
#pragma once

#include "chan/channel_locked.hpp"
#include "chan/select_random.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/park.hpp"

#include <fiber/detail/select_case.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

namespace fiber::detail {

// Uniformly one of those offered, whose number need not be known before.
class choice {
public:
    void offer(select_case& c) noexcept {
        if (++offered_ == 1 || one_in(offered_))
            chosen_ = &c;
    }
    [[nodiscard]] select_case* chosen() const noexcept { return chosen_; }

private:
    std::uint32_t offered_ = 0;
    select_case* chosen_ = nullptr;
};

class select_op {
public:
    select_op(select_case* cases, std::size_t count, select_case** order) noexcept
        : cases_(cases), end_(cases + count), order_(order) {}

    // The position of the case that was done.
    [[nodiscard]] std::size_t run(may_wait) noexcept;
    void stop(select_case&) noexcept; // by its callback

private:
    static constexpr std::size_t max_fast_channels = 8; // channels
    using waiter = channel::waiter;
    static_assert(sizeof(waiter) <= select_case::waiter_size && std::is_trivially_destructible_v<waiter>);

    static waiter& waiter_of(select_case& c) noexcept {
        return *std::launder(reinterpret_cast<waiter*>(c.waiter));
    }
    static channel::side side_of(select_case const& c) noexcept {
        return c.what == select_case::kind::recv ? channel::receivers : channel::senders;
    }

    // What is due by itself, whatever the channels do. A time-out is none: it is a limit of this very wait.
    static bool due(select_case const& c) noexcept {
        if (c.what == select_case::kind::stop)
            return c.listener->token.stop_requested();
        return c.what == select_case::kind::time_point && c.until <= rt::clock::now();
    }
    static bool looks_ready(select_case const&) noexcept;
    static op_status perform_locked(select_case&, waiter*& partner) noexcept;
    static void complete(select_case&, element_ops const&, bool direct, waiter* partner) noexcept;
    static bool try_one(select_case&) noexcept;
    [[nodiscard]] select_case* try_ready() noexcept;
    void sort_channels() noexcept;
    template <class Visit>
    void each_channel(Visit const&) const noexcept;
    [[nodiscard]] select_case* lock_and_choose() noexcept;
    [[nodiscard]] select_case* choose_locked() noexcept;
    void offer_due(choice& ready) const noexcept;
    [[nodiscard]] bool perform_or_stay_locked(select_case&) noexcept;
    [[nodiscard]] bool lock_and_enqueue() noexcept;
    static waiter& make_waiter(select_case&, rt::ticket, bool off_stack) noexcept;
    static void enqueue_locked(select_case&, rt::ticket, bool off_stack) noexcept;
    [[nodiscard]] static bool repeats_channel(select_case* const* at, select_case* const* end) noexcept {
        return at + 1 != end && at[1]->on == at[0]->on;
    }
    [[nodiscard]] static select_case** enqueue_one_of_each_side_locked(select_case** at, select_case** end,
                                                                       rt::ticket, bool off_stack) noexcept;
    void enqueue_all_locked(bool off_stack) noexcept;
    // What the first look has found, in registers: so the functions that wait need no frame of run()'s beneath them.
    struct scan_result {
        std::uint32_t channels;
        bool in_order;
        bool has_timed_or_stop;
    };
    select_op(select_case* cases, std::size_t count, select_case** order, scan_result scanned) noexcept
        : cases_(cases), end_(cases + count), order_(order), channels_(scanned.channels),
          has_timed_or_stop_(scanned.has_timed_or_stop), in_order_(scanned.in_order) {}
    static std::size_t wait_fast(select_case*, std::size_t, select_case**, scan_result) noexcept;
    static std::size_t select_timed(select_case*, std::size_t, select_case**, scan_result, may_wait) noexcept;
    static std::size_t wait_timed(select_case*, std::size_t, select_case**, scan_result) noexcept;
    [[nodiscard]] select_case* choose_or_stay_locked(may_wait) noexcept;
    [[nodiscard]] std::size_t position(select_case const* c) const noexcept {
        return static_cast<std::size_t>((c != nullptr ? c : end_) - cases_);
    }
    struct timed_case {
        select_case* which;
        deadline when;
    };
    [[nodiscard]] timed_case earliest_deadline() const noexcept;
    void unlock_fast() const noexcept;
    [[nodiscard]] void const* what() const noexcept { return channels_ != 0 ? order_[0]->on : nullptr; }
    void listen() noexcept;
    void stop_listening() noexcept;
    [[nodiscard]] select_case* operation_done() noexcept;
    void withdraw_all_but(select_case const* done) noexcept;

    select_case* const cases_;
    select_case* const end_;
    select_case** const order_; // the cases that name channels, by the channels' addresses
    std::size_t channels_ = 0;  // their number
    rt::ticket key_;
    select_case* stopped_ = nullptr; // [select.claim] written by the callback that has won
    bool has_timed_or_stop_ = false; // of time, or stop tokens
    bool in_order_ = true;
};

// A guess without the lock: [chan.early]; under it, right but for waiters whose wait is over.
[[gnu::always_inline]] inline bool select_op::looks_ready(select_case const& c) noexcept {
    if (c.what == select_case::kind::recv)
        return c.on->probe_recv() != op_status::empty;
    return channel::probe_send(c.on) != op_status::full;
}

[[gnu::always_inline]] inline op_status select_op::perform_locked(select_case& c, waiter*& partner) noexcept {
    return c.what == select_case::kind::recv ? c.on->recv_locked(c.slot, partner)
                                             : c.on->send_locked(c.slot, partner);
}

// What is left when all locks are released. [chan.last] The channel may be gone.
[[gnu::always_inline]] inline void select_op::complete(select_case& c, element_ops const& ops, bool direct,
                                                       waiter* partner) noexcept {
    if (partner == nullptr)
        return;
    if (c.what == select_case::kind::send)
        move_element(ops, partner->slot, c.slot);
    else if (direct)
        move_element(ops, c.slot, partner->slot);
    partner->wake(op_status::success);
}

// Each of them once, by rising address, however often it is named.
template <class Visit>
void select_op::each_channel(Visit const& visit) const noexcept {
    channel const* last = nullptr;
    for (std::size_t i = 0; i < channels_; ++i)
        if (order_[i]->on != last) {
            channel* const c = order_[i]->on;
            last = c;
            visit(*c); // which may be gone afterwards
        }
}

[[gnu::always_inline]] inline channel::waiter& select_op::make_waiter(select_case& c, rt::ticket key,
                                                                      bool off_stack) noexcept {
    auto& w = *::new (static_cast<void*>(c.waiter)) waiter(key, c.slot);
    w.off_stack = off_stack;
    return w;
}

// With its channel locked.
[[gnu::always_inline]] inline void select_op::enqueue_locked(select_case& c, rt::ticket key,
                                                             bool off_stack) noexcept {
    c.on->enqueue_locked(side_of(c), make_waiter(c, key, off_stack));
}

[[gnu::always_inline]] inline select_case* select_op::operation_done() noexcept {
    for (std::size_t i = 0; i < channels_; ++i) {
        select_case& c = *order_[i];
        c.outcome = waiter_of(c).outcome; // [select.claim]
        if (c.outcome != op_status::timeout)
            return &c;
    }
    FIBER_ASSERT(false); // woken by nobody
    return nullptr;
}

// The waiter of `done` was taken out by the one who has claimed it. [select.destruction]
inline void select_op::withdraw_all_but(select_case const* done) noexcept {
    for (std::size_t i = 0; i < channels_; ++i) {
        select_case& c = *order_[i];
        if (&c == done)
            continue;
        channel& on = *c.on;
        on.lock();
        on.withdraw_locked(side_of(c), waiter_of(c));
        on.unlock();
    }
}

} // namespace fiber::detail
