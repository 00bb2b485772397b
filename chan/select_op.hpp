// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_op.hpp: the select operation, with the steps of Go's. select.cpp has the steps that every select
// runs. select_timed.cpp has the rest: time-outs, stop tokens, `otherwise`, many channels.
//
//   1 Check every case without locks. Choose one of the cases that look ready, and try it under the lock of
//     its channel.
//   2 Lock all channels, in the order of their addresses. Choose one of the ready cases, and perform it.
//   3 If no case is ready: put a waiter for each case into its queue, all with one contested ticket. Unlock
//     all channels, and park.
//   4 After the wake: remove the other waiters from their queues.
//
// Steps 2 and 3 are one moment for all channels. This has two effects:
//   - `otherwise` runs only if no case was ready at that moment.
//   - An agent that makes a case ready later meets a waiter. Two selects that could serve each other never
//     both wait.
//
// [select.self] A select looks for partners only before its own waiters are in the queues. Therefore a
//   select that sends and receives on the same channel never meets itself.
// [select.claim] The slot and the outcome of a waiter belong to the agent that claims the ticket: one
//   partner, one close, the timer, or one stop request. The claimer writes before it marks the wait as
//   woken, and the select reads after that. Therefore at most one waiter has an outcome. The value of a
//   send case is moved by the partner that has claimed its waiter, and by no other agent.
// [select.off_stack] If only the channels can end the wait, the commit function releases their locks. An
//   agent that claims the ticket then finds the select parked, which saves two atomic operations. The
//   commit function reads all channels before it unlocks the first: after that the select may run and
//   return.
// [select.same] Of several waiters of one select in one queue, a partner meets only the first. Therefore
//   one of the cases for the same side of a channel, chosen at random, is put into the queue. The waiters
//   of the others are in no queue.
// [select.destruction] After the wake the select does not touch the channel of the performed case: the last
//   handle of that channel may be gone. The channels of all other cases must live until select has returned.
#pragma once

#include "chan/channel_locked.hpp"
#include "chan/select_random.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/base/process/assert.hpp"
#include "runtime/park.hpp"

#include <fiber/detail/select_case.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

namespace fiber::detail {

// Chooses one of the offered cases uniformly at random. Their number need not be known in advance: the n-th
// case replaces the chosen one with probability 1/n.
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

    // Returns the position of the performed case. Returns the number of cases if no case is ready and the
    // select may not wait.
    [[nodiscard]] std::size_t run(may_wait) noexcept;
    // Ends the wait for a stop request. Called by the stop callback of the case.
    void stop(select_case&) noexcept;

private:
    static constexpr std::size_t max_fast_channels = 8; // unlock_fast() copies their addresses to its stack
    using waiter = channel::waiter;
    static_assert(sizeof(waiter) <= select_case::waiter_size && std::is_trivially_destructible_v<waiter>);

    static waiter& waiter_of(select_case& c) noexcept {
        return *std::launder(reinterpret_cast<waiter*>(c.waiter));
    }
    static channel::side side_of(select_case const& c) noexcept {
        return c.what == select_case::kind::recv ? channel::receivers : channel::senders;
    }

    // Returns true if the case is ready whatever the channels do. A time-out never is: it limits this wait.
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
    // The result of step 1, small enough for registers: run() tail-calls the functions that wait, which then
    // have no frame of run() beneath them.
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
    select_case** const order_; // the cases that name channels; sort_channels() sorts them by address
    std::size_t channels_ = 0;  // the number of cases in order_
    rt::ticket key_;
    select_case* stopped_ = nullptr; // [select.claim] the case with the callback that has claimed the ticket
    bool has_timed_or_stop_ = false;
    bool in_order_ = true; // true if order_ is sorted already
};

// Returns true if the case looks ready. Without the lock the result is a guess: [chan.early]. Under the lock
// it is exact, except that it counts waiters that have timed out or are claimed by other agents.
[[gnu::always_inline]] inline bool select_op::looks_ready(select_case const& c) noexcept {
    if (c.what == select_case::kind::recv)
        return c.on->probe_recv() != op_status::empty;
    return channel::probe_send(c.on) != op_status::full;
}

[[gnu::always_inline]] inline op_status select_op::perform_locked(select_case& c, waiter*& partner) noexcept {
    return c.what == select_case::kind::recv ? c.on->recv_locked(c.slot, partner)
                                             : c.on->send_locked(c.slot, partner);
}

// Moves the value and wakes the partner, after all locks are released. [chan.last] The channel may be
// destroyed by now.
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

// Visits each channel once, in the order of order_, even if several cases name the channel.
template <class Visit>
void select_op::each_channel(Visit const& visit) const noexcept {
    channel const* last = nullptr;
    for (std::size_t i = 0; i < channels_; ++i)
        if (order_[i]->on != last) {
            channel* const c = order_[i]->on;
            last = c;
            visit(*c); // *c may be destroyed here
        }
}

[[gnu::always_inline]] inline channel::waiter& select_op::make_waiter(select_case& c, rt::ticket key,
                                                                      bool off_stack) noexcept {
    auto& w = *::new (static_cast<void*>(c.waiter)) waiter(key, c.slot);
    w.off_stack = off_stack;
    return w;
}

// Requires the lock of the channel.
[[gnu::always_inline]] inline void select_op::enqueue_locked(select_case& c, rt::ticket key,
                                                             bool off_stack) noexcept {
    c.on->enqueue_locked(side_of(c), make_waiter(c, key, off_stack));
}

// Returns the case that was performed by the agent that has claimed the ticket.
[[gnu::always_inline]] inline select_case* select_op::operation_done() noexcept {
    for (std::size_t i = 0; i < channels_; ++i) {
        select_case& c = *order_[i];
        c.outcome = waiter_of(c).outcome; // [select.claim]
        if (c.outcome != op_status::timeout)
            return &c;
    }
    FIBER_ASSERT(false); // a wake without an outcome
    return nullptr;
}

// Removes all waiters from their queues, except the waiter of `done`: the agent that has claimed it has
// removed it. [select.destruction]
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
