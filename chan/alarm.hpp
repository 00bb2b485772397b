// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// alarm.hpp: an alarm calls a function at a point in time, in a fiber. It is the basis of after, timers,
// tickers and the deadlines of contexts.
//   invariant  an alarm is in the heap of the clock while it is armed, and only then
//   callers    any fiber or OS thread; two agents must not arm the same alarm at the same time
// The clock's fiber, one fiber of the global runtime, sleeps until the earliest alarm is due, and fires it.
// The first alarm starts this fiber. The fiber ends when it wakes and no alarm is armed. disarm() does not
// wake it: an alarm that is armed and disarmed again and again costs two short locks each time.
#pragma once

#include "runtime/base/lock/spinlock.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/park.hpp"

#include <fiber/detail/channel.hpp>

#include <atomic>
#include <cstdint>

namespace fiber::detail {

// An alarm belongs to a channel, as its attachment. It does not fire once the channel has no reference any
// more. The derived class disarms it before it is destroyed.
class alarm {
public:
    alarm(alarm const&) = delete;
    alarm& operator=(alarm const&) = delete;

    // Lets the alarm fire at that time, or soon after. Must not be called while it is armed. Throws as go
    // does: then it is not armed.
    void arm(deadline);
    // Disarms the alarm, if it is armed. It does not fire any more, unless it has begun to.
    void disarm() noexcept;
    [[nodiscard]] bool is_armed() const noexcept;
    [[nodiscard]] deadline when() const noexcept { return when_; } // the deadline of the last arm()

protected:
    explicit alarm(channel* of) noexcept : owner_(of) {}
    ~alarm() = default;

private:
    friend class alarm_clock;
    // Called on the clock's fiber, which has a reference to the channel. The alarm is not armed any more. It
    // must not run or wait for user code, which would delay all other alarms: own_fiber.hpp is for that.
    virtual void fire(deadline now) noexcept = 0;

    channel* const owner_;
    deadline when_{};
    // The links of the heap, guarded by the lock of the clock.
    alarm* left_ = nullptr;
    alarm* right_ = nullptr;
    alarm* up_ = nullptr;
    int rank_ = 0; // the number of nodes on the path down the right side; 0 if not in the heap
};

} // namespace fiber::detail
