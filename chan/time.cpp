// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// time.cpp: Go's time.After and Ticker.
#include <fiber/time.hpp>

#include "chan/alarm.hpp"

#include <fiber/mutex.hpp>

#include <memory>
#include <mutex>
#include <stdexcept>

namespace fiber::detail {
namespace {

using instant = std::chrono::steady_clock::time_point;

class after_alarm final : public channel_attachment, public alarm {
public:
    explicit after_alarm(channel* c) noexcept : alarm(c), channel_(c) {}
    channel* on_last_release() noexcept override {
        disarm();
        delete this;
        return nullptr;
    }

private:
    void fire(deadline now) noexcept override { static_cast<void>(channel::try_send(channel_, &now)); }

    channel* const channel_;
};

// fire() may lock the mutex after a stop or a reset of the ticker: then it sends no tick.
class ticker_alarm final : public channel_attachment, public alarm {
public:
    explicit ticker_alarm(channel* c) noexcept : alarm(c), channel_(c) {}

    void stop() noexcept {
        std::lock_guard const hold(mutex_);
        stop_locked();
    }
    void start(deadline::duration period) {
        std::lock_guard const hold(mutex_);
        stop_locked();
        auto const first = deadline_after(period);
        arm(first);
        period_ = period;
    }
    channel* on_last_release() noexcept override {
        disarm();
        delete this;
        return nullptr;
    }

private:
    void stop_locked() noexcept {
        disarm();
        period_ = {};
        deadline tick;
        static_cast<void>(channel::try_recv(channel_, &tick));
    }
    void fire(deadline now) noexcept override {
        std::lock_guard const hold(mutex_);
        if (period_ == deadline::duration::zero() || is_armed())
            return;
        static_cast<void>(channel::try_send(channel_, &now));
        arm(when() + period_ * ((now - when()) / period_ + 1)); // does not throw: the clock's fiber exists
    }

    channel* const channel_;
    mutex mutex_;                 // guards the period, arm(), and the sending of ticks
    deadline::duration period_{}; // zero while stopped
};

// Makes a channel with its attachment, and arms the attachment.
template <class Attachment>
chan<instant> make(auto const& arm) {
    chan<instant> made(1);
    channel* const c = access::core(made).get();
    auto* const attachment = new Attachment(c);
    c->attach(*attachment);
    arm(*attachment);
    return made;
}

ticker_alarm& ticker_of(channel* c) noexcept { return static_cast<ticker_alarm&>(*c->attachment()); }

deadline::duration checked(deadline::duration period) {
    if (period <= deadline::duration::zero())
        throw std::invalid_argument("fiber::ticker: the period must be above zero");
    return period;
}

} // namespace

chan<instant> make_after(deadline when) {
    return make<after_alarm>([when](after_alarm& a) { a.arm(when); });
}

chan<instant> make_ticker(deadline::duration period) {
    checked(period);
    return make<ticker_alarm>([period](ticker_alarm& a) { a.start(period); });
}

void stop_ticker(channel* c) noexcept {
    if (c != nullptr)
        ticker_of(c).stop();
}

void reset_ticker(channel* c, deadline::duration period) {
    checked(period);
    if (c == nullptr)
        throw std::logic_error("fiber::ticker: reset of one that has been moved from");
    ticker_of(c).start(period);
}

} // namespace fiber::detail
