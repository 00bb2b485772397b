// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_within_limits.cpp: a select that may not wait, or not for ever; or on more than a few channels.
#include "chan/selection.hpp"

#include <algorithm>

namespace fiber::detail {
namespace {

bool over_at_once(select_case const& c) noexcept {
    return c.what == select_case::kind::timeout && c.patience <= rt::clock::duration::zero();
}

} // namespace

// Step 2. What has been locked does not change, so it is looked at once, on the way.
inline select_case* selection::lock_and_choose() noexcept {
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

std::size_t selection::run_within_limits(select_case* cases, std::size_t count, select_case** order,
                                         seen glimpsed, may_wait patience) noexcept {
    {
        selection s(cases, count, order, glimpsed);
        select_case const* const c = s.choose_or_stay_locked(patience);
        if (c != nullptr || patience == may_wait::no)
            return s.position(c);
    }
    return wait_within_limits(cases, count, order, glimpsed);
}

// Null: there is none. If the caller may wait, all channels are locked then, else unlocked.
select_case* selection::choose_or_stay_locked(may_wait patience) noexcept {
    // One channel that has nothing, seen without its lock, has had nothing at that moment: [chan.early]. What is due beside
    // it may have been passed over for it.
    bool const certain = channels_ <= 1 && !has_limits_ && patience == may_wait::no;
    if (!certain) {
        sort_channels();
        for (select_case* c = lock_and_choose(); c != nullptr; c = choose_locked())
            if (perform_or_stay_locked(*c))
                return c;
    }
    auto* const at_once = has_limits_ ? std::find_if(cases_, end_, over_at_once) : end_;
    if (at_once == end_ && patience == may_wait::yes)
        return nullptr;
    if (!certain)
        each_channel([](channel& ch) { ch.unlock(); });
    return at_once != end_ ? at_once : nullptr;
}

// With all channels locked.
[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH std::size_t selection::wait_within_limits(select_case* cases,
                                                                                     std::size_t count,
                                                                                     select_case** order,
                                                                                     seen glimpsed) noexcept {
    selection s(cases, count, order, glimpsed);
    s.enqueue_all_locked(false);
    s.each_channel([](channel& ch) { ch.unlock(); });
    limit const until = s.first_limit();
    s.listen();
    auto const end = rt::park_until(s.key_, until.when, rt::wait_reason::select, s.what(), []() noexcept {});
    s.stop_listening();
    select_case* done = until.whose;
    if (end != rt::wait_end::timed_out)
        done = s.stopped_ != nullptr ? s.stopped_ : s.operation_done();
    s.withdraw_all_but(done);
    return s.position(done);
}

// The one whose time will be over first; a time-out counts from now.
selection::limit selection::first_limit() const noexcept {
    limit first{nullptr, never};
    for (select_case* c = cases_; c != end_; ++c) {
        if (c->what != select_case::kind::timeout && c->what != select_case::kind::time_point)
            continue;
        deadline const when =
            c->what == select_case::kind::time_point ? c->until : deadline_after(c->patience);
        if (when < first.when)
            first = {c, when};
    }
    return first;
}

void selection::listen() noexcept {
    for (select_case* c = cases_; c != end_; ++c)
        if (c->what == select_case::kind::stop) {
            stop_listener& l = *c->listener;
            l.waiting = this;
            l.place = c;
            l.callback.emplace(l.token, stop_listener::wake{&l}); // may call it at once
        }
}

// Returns when no callback runs any more, on whatever thread.
void selection::stop_listening() noexcept {
    for (select_case* c = cases_; c != end_; ++c)
        if (c->what == select_case::kind::stop)
            c->listener->callback.reset();
}

void selection::stop(select_case& c) noexcept {
    if (!rt::party::claim(key_)) // [select.claim]
        return;
    stopped_ = &c;
    rt::unpark(rt::ticket{key_}); // *this stays until stop_listening() has returned
}

void stop_listener::wake::operator()() const noexcept { whose->waiting->stop(*whose->place); }

} // namespace fiber::detail
