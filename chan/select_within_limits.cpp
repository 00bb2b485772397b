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

select_case* selection::run_within_limits(may_wait patience) noexcept {
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
    bool const waits = at_once == end_ && patience == may_wait::yes;
    if (waits)
        enqueue_all_locked(false);
    if (!certain)
        each_channel([](channel& ch) { ch.unlock(); });
    if (!waits)
        return at_once != end_ ? at_once : nullptr;
    select_case* const done = wait_within_limits();
    withdraw_all_but(done);
    return done;
}

select_case* selection::wait_within_limits() noexcept {
    limit const until = first_limit();
    listen();
    auto const end = rt::park_until(key_, until.when, rt::wait_reason::select, what(), []() noexcept {});
    stop_listening();
    if (end == rt::wait_end::timed_out)
        return until.whose;
    return stopped_ != nullptr ? stopped_ : operation_done();
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
