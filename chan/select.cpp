// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select.cpp: the steps that every select runs, and all steps of a select that waits only for a few
// channels. run() checks the cases, and tail-calls a function that waits. That function returns directly to
// the caller of run(): see asm/call/return.hpp.
#include "chan/select_op.hpp"

#include <algorithm>
#include <functional>

namespace fiber::detail {

// Tries the case under the lock of its channel. Returns true if the case is performed.
[[gnu::always_inline]] inline bool select_op::try_one(select_case& c) noexcept {
    channel& on = *c.on;
    waiter* partner = nullptr;
    on.lock();
    c.outcome = perform_locked(c, partner);
    element_ops const& ops = *on.ops_;
    bool const direct = on.capacity_ == 0;
    on.unlock(); // [chan.last]
    complete(c, ops, direct, partner);
    return c.outcome == op_status::success || c.outcome == op_status::closed;
}

// Runs step 1. Returns the case that is performed, or null.
[[gnu::always_inline]] inline select_case* select_op::try_ready() noexcept {
    choice ready;
    std::size_t n = 0;
    channel const* last = nullptr;
    for (select_case *c = cases_, *const end = end_; c != end; ++c) {
        if (names_channel(*c)) {
            in_order_ &= !std::less<>{}(c->on, last);
            last = c->on;
            order_[n++] = c;
            if (looks_ready(*c))
                ready.offer(*c);
        } else {
            has_timed_or_stop_ |= c->what != select_case::kind::off;
            if (due(*c))
                ready.offer(*c);
        }
    }
    channels_ = n;
    select_case* const c = ready.chosen();
    return c == nullptr || !names_channel(*c) || try_one(*c) ? c : nullptr;
}

void select_op::sort_channels() noexcept {
    if (!in_order_)
        std::sort(order_, order_ + channels_,
                  [](select_case* a, select_case* b) { return std::less<>{}(a->on, b->on); });
}

// [select.same] Makes the waiters of all cases that name the channel of `at`, which is locked, and puts one
// waiter of each side into its queue. Returns the end of these cases.
[[gnu::noinline]] select_case** select_op::enqueue_one_of_each_side_locked(select_case** at,
                                                                           select_case** const end,
                                                                           rt::ticket key,
                                                                           bool off_stack) noexcept {
    channel& on = *(*at)->on;
    choice chosen[2];
    for (; at != end && (*at)->on == &on; ++at) {
        make_waiter(**at, key, off_stack);
        chosen[side_of(**at)].offer(**at);
    }
    for (choice const& of_side : chosen)
        if (select_case* const c = of_side.chosen())
            on.enqueue_locked(side_of(*c), waiter_of(*c));
    return at;
}

// Runs steps 2 and 3 in one pass: locks every channel, checks its cases, and enqueues their waiters. All
// channels are locked when it returns. Returns false if a case may be ready: no waiter is in a queue then.
[[gnu::always_inline]] inline bool select_op::lock_and_enqueue() noexcept {
    rt::ticket const key = rt::self().open_wait();
    bool ready = false;
    for (select_case **at = order_, **const end = order_ + channels_; at != end;) {
        select_case& c = **at;
        c.on->lock();
        ready |= looks_ready(c);
        if (repeats_channel(at, end)) [[unlikely]] {
            for (select_case** same = at + 1; same != end && (*same)->on == c.on; ++same)
                ready |= looks_ready(**same);
            at = enqueue_one_of_each_side_locked(at, end, key, true);
            continue;
        }
        enqueue_locked(c, key, true);
        ++at;
    }
    if (!ready) [[likely]]
        return true;
    for (std::size_t i = 0; i < channels_; ++i)
        order_[i]->on->withdraw_locked(side_of(*order_[i]), waiter_of(*order_[i]));
    return false;
}

select_case* select_op::choose_locked() noexcept {
    choice ready;
    for (std::size_t i = 0; i < channels_; ++i)
        if (looks_ready(*order_[i]))
            ready.offer(*order_[i]);
    offer_due(ready);
    return ready.chosen();
}

void select_op::offer_due(choice& ready) const noexcept {
    if (!has_timed_or_stop_)
        return;
    for (select_case* c = cases_; c != end_; ++c)
        if (due(*c))
            ready.offer(*c);
}

// Performs the case. All channels must be locked. Returns true if the case is performed: all channels are
// unlocked then. Returns false if the case was not ready: all channels are still locked.
bool select_op::perform_or_stay_locked(select_case& c) noexcept {
    if (!names_channel(c)) {
        each_channel([](channel& ch) { ch.unlock(); });
        return true;
    }
    waiter* partner = nullptr;
    c.outcome = perform_locked(c, partner);
    if (c.outcome == op_status::empty || c.outcome == op_status::full)
        return false; // its partners had timed out or were claimed; the queue is empty now
    element_ops const& ops = *c.on->ops_;
    bool const direct = c.on->capacity_ == 0;
    each_channel([](channel& ch) { ch.unlock(); }); // [chan.last]
    complete(c, ops, direct, partner);
    return true;
}

// [select.self] From here on the select does not look for partners.
void select_op::enqueue_all_locked(bool off_stack) noexcept {
    key_ = rt::self().open_wait();
    for (select_case **at = order_, **const end = order_ + channels_; at != end;) {
        if (repeats_channel(at, end)) {
            at = enqueue_one_of_each_side_locked(at, end, key_, off_stack);
        } else {
            enqueue_locked(**at, key_, off_stack);
            ++at;
        }
    }
}

[[gnu::always_inline]] inline std::size_t select_op::run(may_wait block) noexcept {
    if (select_case const* const c = try_ready())
        return position(c);
    auto const count = static_cast<std::size_t>(end_ - cases_);
    scan_result const scanned{static_cast<std::uint32_t>(channels_), in_order_, has_timed_or_stop_};
    if (has_timed_or_stop_ || channels_ > max_fast_channels || block == may_wait::no) [[unlikely]]
        return select_timed(cases_, count, order_, scanned, block);
    return wait_fast(cases_, count, order_, scanned);
}

FIBER_PARKS std::size_t select_op::wait_fast(select_case* cases, std::size_t count, select_case** order,
                                             scan_result scanned) noexcept {
    select_op s(cases, count, order, scanned);
    s.sort_channels();
    if (!s.lock_and_enqueue()) [[unlikely]] {
        while (select_case* const c = s.choose_locked())
            if (s.perform_or_stay_locked(*c))
                return s.position(c);
        s.enqueue_all_locked(true);
    }
    rt::park(rt::wait_reason::select, s.what(), [&s]() noexcept { s.unlock_fast(); }); // [select.off_stack]
    select_case* const done = s.operation_done();
    s.withdraw_all_but(done);
    return s.position(done);
}

// Unlocks all channels, as the commit function: [select.off_stack].
void select_op::unlock_fast() const noexcept {
    channel* all[max_fast_channels];
    std::size_t const n = channels_;
    for (std::size_t i = 0; i < n; ++i)
        all[i] = order_[i]->on;
    for (std::size_t i = 0; i < n; ++i)
        if (i == 0 || all[i] != all[i - 1])
            all[i]->unlock(); // *this may be destroyed here
}

std::size_t select(select_case* cases, std::size_t count, select_case** order, may_wait block) noexcept {
    return select_op(cases, count, order).run(block);
}

void throw_closed_in_select() { throw closed_channel("fiber::select: send to a closed channel"); }

} // namespace fiber::detail
