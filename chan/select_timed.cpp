// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_timed.cpp: a select that may not wait, or not for ever; or on more than a few channels.
#include "chan/select_op.hpp"

#include <algorithm>

namespace fiber::detail {
namespace {

bool has_no_time(select_case const& c) noexcept {
    return c.what == select_case::kind::timeout && c.timeout <= rt::clock::duration::zero();
}

} // namespace

// Step 2. What has been locked does not change, so it is looked at once, on the way.
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

// Null: there is none. If the caller may wait, all channels are locked then, else unlocked.
select_case* select_op::choose_or_stay_locked(may_wait block) noexcept {
    // One channel that has nothing, seen without its lock, has had nothing at that moment: [chan.early]. What is due beside
    // it may have been passed over for it.
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

// With all channels locked.
[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH std::size_t select_op::wait_timed(select_case* cases,
                                                                             std::size_t count,
                                                                             select_case** order,
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

// The one whose time will be over first; a time-out counts from now.
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

void select_op::listen() noexcept {
    for (select_case* c = cases_; c != end_; ++c)
        if (c->what == select_case::kind::stop) {
            stop_listener& l = *c->listener;
            l.op = this;
            l.stopped_case = c;
            l.callback.emplace(l.token, stop_listener::wake{&l}); // may call it at once
        }
}

// Returns when no callback runs any more, on whatever thread.
void select_op::stop_listening() noexcept {
    for (select_case* c = cases_; c != end_; ++c)
        if (c->what == select_case::kind::stop)
            c->listener->callback.reset();
}

void select_op::stop(select_case& c) noexcept {
    if (!rt::agent::claim(key_)) // [select.claim]
        return;
    stopped_ = &c;
    rt::unpark(rt::ticket{key_}); // *this stays until stop_listening() has returned
}

void stop_listener::wake::operator()() const noexcept { listener->op->stop(*listener->stopped_case); }

} // namespace fiber::detail
