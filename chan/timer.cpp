// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// timer.cpp: Go's time.Timer and AfterFunc. fire() may lock the mutex after a stop or a reset: then it does
// nothing.
#include <fiber/time.hpp>

#include "chan/alarm.hpp"
#include "chan/own_fiber.hpp"

#include <fiber/mutex.hpp>

#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace fiber::detail {

timer_func::~timer_func() = default;

namespace {

class timer_alarm final : public channel_attachment, public alarm {
public:
    timer_alarm(channel* c, std::unique_ptr<timer_func> f) noexcept
        : alarm(c), channel_(c), func_(std::move(f)) {}

    // Stops the timer. Returns true if the function will not be called, or the time not be received.
    bool stop() noexcept {
        std::unique_lock hold(mutex_);
        disarm();
        bool in_time = std::exchange(armed_, false);
        deadline time;
        in_time |= channel::try_recv(channel_, &time) == op_status::success; // no agent has received it
        hold.unlock();
        release_self(); // not the last reference: the caller has a handle
        return in_time;
    }
    bool start(deadline when) {
        bool const in_time = stop();
        std::lock_guard const hold(mutex_);
        disarm(); // another reset may have armed it since stop()
        arm(when);
        armed_ = true;
        if (func_ != nullptr && when != never &&
            !std::exchange(self_retained_, true)) // the function is called even if no handle is left
            channel::retain(channel_);
        return in_time;
    }
    channel* on_last_release() noexcept override {
        disarm();
        delete this;
        return nullptr;
    }

private:
    void fire(deadline now) noexcept override {
        std::unique_lock hold(mutex_);
        if (!armed_ || is_armed())
            return;
        armed_ = false;
        if (func_ == nullptr) {
            static_cast<void>(channel::try_send(channel_, &now));
            return;
        }
        self_retained_ = false;
        hold.unlock();
        // The call takes over the reference that the timer had to itself.
        call_in_own_fiber(
            [](void* it) {
                channel_ptr const keep(static_cast<timer_alarm*>(it)->channel_);
                static_cast<timer_alarm*>(it)->func_->run();
            },
            this);
    }
    void release_self() noexcept {
        std::unique_lock hold(mutex_);
        if (armed_ || !std::exchange(self_retained_, false))
            return;
        hold.unlock();
        channel::release(channel_);
    }

    channel* const channel_;
    std::unique_ptr<timer_func> const func_; // null if the timer sends the time
    mutex mutex_;                            // guards arming, sending, armed_ and self_retained_
    bool armed_ = false;
    bool self_retained_ = false; // true while it has a reference to itself: until it fires or is stopped
};

timer_alarm& timer_of(channel* c) noexcept { return static_cast<timer_alarm&>(*c->attachment()); }

} // namespace

chan<std::chrono::steady_clock::time_point> make_timer(deadline when, std::unique_ptr<timer_func> f) {
    chan<std::chrono::steady_clock::time_point> made(1);
    channel* const c = access::core(made).get();
    auto* const alarm = new timer_alarm(c, std::move(f));
    c->attach(*alarm);
    static_cast<void>(alarm->start(when));
    return made;
}

bool stop_timer(channel* c) noexcept { return c != nullptr && timer_of(c).stop(); }

bool reset_timer(channel* c, deadline when) {
    if (c == nullptr)
        throw std::logic_error("fiber::timer: reset of one that has been moved from");
    return timer_of(c).start(when);
}

} // namespace fiber::detail
