// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// alarm.hpp: something is to be done at a certain time, in a fiber: what after, tickers and contexts stand on.
//   invariant  an alarm is armed or not; an armed one is in the clock's heap
//   callers    any fiber or OS thread; but no alarm is armed from two at once
// One fiber of the global runtime, the clock's, sleeps until the earliest alarm is due, and lets it fire. It is
// started with the first alarm, and ends when it wakes and there is none. Alarms that are taken back do not wake
// it: what is armed and disarmed time and again costs two short locks each.
#pragma once

#include "runtime/base/clock.hpp"
#include "runtime/base/spinlock.hpp"
#include "runtime/park.hpp"

#include <fiber/detail/channel.hpp>

#include <atomic>
#include <cstdint>

namespace fiber::detail {

// Belongs to a channel: while that has no reference any more, the alarm does not fire. Its owner disarms it before
// it goes.
class alarm {
public:
    alarm(alarm const&) = delete;
    alarm& operator=(alarm const&) = delete;

    // It will fire at that time, or soon after. Not armed before. Throws as go does, and is not armed then.
    void arm(deadline);
    // It will not fire, unless it has begun to. No matter whether it is armed.
    void disarm() noexcept;
    [[nodiscard]] bool is_armed() const noexcept;
    [[nodiscard]] deadline when() const noexcept { return when_; } // of the last arm()

protected:
    explicit alarm(channel* of) noexcept : owner_(of) {}
    ~alarm() = default;

private:
    friend class alarm_clock;
    // Not armed any more, on the clock's fiber, and with a reference to the channel. Others' alarms wait
    // meanwhile: it runs no user code, and waits for none; own_fiber.hpp is for that.
    virtual void fire(deadline now) noexcept = 0;

    channel* const owner_;
    deadline when_{};
    alarm* left_ = nullptr; // in the heap, as the next three; guarded by the clock's lock
    alarm* right_ = nullptr;
    alarm* up_ = nullptr;
    int rank_ = 0; // length of the way down the right, to a node without; 0: not in the heap
};

} // namespace fiber::detail
