// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_timed.cpp: a select that may not wait, that waits with a time limit or a stop token, or that waits
// for more than a few channels.
#include "chan/select_op.hpp"

#include <algorithm>

namespace fiber::detail {
namespace {

bool has_no_time(select_case const& c) noexcept {
    return c.what == select_case::kind::timeout && c.timeout <= rt::clock::duration::zero();
}

} // namespace

// Locks all channels, and chooses one of the ready cases, or null. A locked channel does not change, so one
// check of each case is enough.
inline select_case* select_op::lock_and_choose() noexcept {
    choice ready;
    channel const* last = nullptr;
    for (std::size_t i = 0; i < channels_; ++i) {
        select_case& c = *order_[i];
        if (c.on != last)
            c.on->lock();
        last = c.on;
        if (looks_ready(c))
            ready.offer(c);
    }
    offer_due(ready);
    return ready.chosen();
}

std::size_t select_op::select_timed(select_case* cases, std::size_t count, select_case** order,
                                    scan_result scanned, may_wait block) noexcept {
    {
        select_op s(cases, count, order, scanned);
        select_case const* const c = s.choose_or_stay_locked(block);
        if (c != nullptr || block == may_wait::no)
            return s.position(c);
    }
    return wait_timed(cases, count, order, scanned);
}

// Runs step 2. Returns the performed case, or null. If it returns null and the caller may wait, all channels
// are locked. Else they are unlocked.
select_case* select_op::choose_or_stay_locked(may_wait block) noexcept {
    // With one channel and no timed or stop case, the unlocked check of step 1 was conclusive: [chan.early].
    // With such a case it was not: step 1 may have chosen the channel instead of a case that was due.
    bool const certain = channels_ <= 1 && !has_timed_or_stop_ && block == may_wait::no;
    if (!certain) {
        sort_channels();
        for (select_case* c = lock_and_choose(); c != nullptr; c = choose_locked())
            if (perform_or_stay_locked(*c))
                return c;
    }
    auto* const at_once = has_timed_or_stop_ ? std::find_if(cases_, end_, has_no_time) : end_;
    if (at_once == end_ && block == may_wait::yes)
        return nullptr;
    if (!certain)
        each_channel([](channel& ch) { ch.unlock(); });
    return at_once != end_ ? at_once : nullptr;
}

// Runs steps 3 and 4. All channels must be locked.
FIBER_PARKS std::size_t select_op::wait_timed(select_case* cases, std::size_t count, select_case** order,
                                              scan_result scanned) noexcept {
    select_op s(cases, count, order, scanned);
    s.enqueue_all_locked(false);
    s.each_channel([](channel& ch) { ch.unlock(); });
    timed_case const until = s.earliest_deadline();
    s.listen();
    auto const end = rt::park_until(s.key_, until.when, rt::wait_reason::select, s.what(), []() noexcept {});
    s.stop_listening();
    select_case* done = until.which;
    if (end != rt::wait_end::timed_out)
        done = s.stopped_ != nullptr ? s.stopped_ : s.operation_done();
    s.withdraw_all_but(done);
    return s.position(done);
}

// Returns the timed case with the earliest deadline. A time-out counts from now.
select_op::timed_case select_op::earliest_deadline() const noexcept {
    timed_case first{nullptr, never};
    for (select_case* c = cases_; c != end_; ++c) {
        if (c->what != select_case::kind::timeout && c->what != select_case::kind::time_point)
            continue;
        deadline const when =
            c->what == select_case::kind::time_point ? c->until : deadline_after(c->timeout);
        if (when < first.when)
            first = {c, when};
    }
    return first;
}

// Registers the stop callbacks.
void select_op::listen() noexcept {
    for (select_case* c = cases_; c != end_; ++c)
        if (c->what == select_case::kind::stop) {
            stop_listener& l = *c->listener;
            l.op = this;
            l.stopped_case = c;
            l.callback.emplace(l.token, stop_listener::wake{&l}); // may call the callback at once
        }
}

// Removes the stop callbacks. Returns when none of them runs any more, on any thread.
void select_op::stop_listening() noexcept {
    for (select_case* c = cases_; c != end_; ++c)
        if (c->what == select_case::kind::stop)
            c->listener->callback.reset();
}

void select_op::stop(select_case& c) noexcept {
    if (!rt::agent::claim(key_)) // [select.claim]
        return;
    stopped_ = &c;
    rt::unpark(rt::ticket{key_}); // *this lives: stop_listening() waits for this callback
}

void stop_listener::wake::operator()() const noexcept { listener->op->stop(*listener->stopped_case); }

} // namespace fiber::detail
