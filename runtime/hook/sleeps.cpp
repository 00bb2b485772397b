// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// sleeps.cpp: in a fiber, no signal ends a sleep.

#include "runtime/hook/hooked.hpp"
#include "runtime/hook/times.hpp"

#include <cerrno>
#include <threads.h>
#include <unistd.h>

using namespace fiber::hook_library;

namespace {

void sleep_for(std::chrono::nanoseconds length) noexcept {
    seam_of.sleep->count_parked();
    seam_of.sleep->sleep_until(clock::now() + length);
}

// The system's clock may be set while a fiber sleeps: it is read again after this time at the latest.
constexpr auto max_between_looks = std::chrono::nanoseconds(std::chrono::seconds(1));

void sleep_until_on(clockid_t which, timespec const& when) noexcept {
    for (;;) {
        timespec now{};
        ::clock_gettime(which, &now);
        // The difference first: seconds since 1970 are more than far_away.
        auto const left = std::chrono::seconds(std::clamp(when.tv_sec - now.tv_sec, -far_away, far_away)) +
                          std::chrono::nanoseconds(when.tv_nsec - now.tv_nsec);
        if (left <= left.zero())
            return;
        sleep_for(which == CLOCK_REALTIME ? std::min<std::chrono::nanoseconds>(left, max_between_looks)
                                          : left);
    }
}

} // namespace

FIBER_HOOK(unsigned, sleep, (unsigned seconds)) {
    if (seconds == 0 || parking_caller(seam_of.sleep) == nullptr)
        return real_sleep(seconds);
    sleep_for(std::chrono::seconds(seconds));
    return 0;
}

FIBER_HOOK(int, usleep, (useconds_t length)) {
    if (length == 0 || parking_caller(seam_of.sleep) == nullptr)
        return real_usleep(length);
    sleep_for(std::chrono::microseconds(length));
    return 0;
}

FIBER_HOOK(int, nanosleep, (timespec const* length, timespec* left)) {
    if (length == nullptr || !is_valid(*length) || is_zero(*length) ||
        parking_caller(seam_of.sleep) == nullptr)
        return real_nanosleep(length, left);
    sleep_for(length_of(*length));
    return 0;
}

FIBER_HOOK(int, thrd_sleep, (timespec const* length, timespec* left)) {
    if (length == nullptr || !is_valid(*length) || is_zero(*length) ||
        parking_caller(seam_of.sleep) == nullptr)
        return real_thrd_sleep(length, left);
    sleep_for(length_of(*length));
    return 0;
}

FIBER_HOOK(int, clock_nanosleep, (clockid_t which, int flags, timespec const* when, timespec* left)) {
    bool const is_usual = which == CLOCK_REALTIME || which == CLOCK_MONOTONIC;
    if (!is_usual || when == nullptr || !is_valid(*when) || (flags & ~TIMER_ABSTIME) != 0 ||
        parking_caller(seam_of.sleep) == nullptr)
        return real_clock_nanosleep(which, flags, when, left);
    if ((flags & TIMER_ABSTIME) != 0)
        sleep_until_on(which, *when);
    else if (!is_zero(*when))
        sleep_for(length_of(*when));
    return 0;
}

FIBER_HOOK_PART(sleeps)
