// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// time.hpp: points in time as channels: Go's time.After and time.Ticker.
#pragma once

#include <fiber/chan.hpp>
#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/select_cases.hpp>

#include <chrono>
#include <utility>

namespace fiber {

namespace detail {
[[nodiscard]] FIBER_API chan<std::chrono::steady_clock::time_point> make_after(deadline);
[[nodiscard]] FIBER_API chan<std::chrono::steady_clock::time_point> make_ticker(deadline::duration period);
FIBER_API void stop_ticker(channel*) noexcept;
FIBER_API void reset_ticker(channel*, deadline::duration period);
} // namespace detail

// Go's time.After: a channel that receives the time once, when d has passed: at once if d is not above zero, never
// if it is more than the clock can count. Costs nothing any more once the last receiver has been dropped. In a select, on_timeout does the same without a channel. Throws as go does, and
// std::bad_alloc.
template <class Rep, class Period>
[[nodiscard]] receiver<std::chrono::steady_clock::time_point>
after(std::chrono::duration<Rep, Period> const& d) {
    return detail::make_after(detail::deadline_after(d));
}

// Go's time.Ticker: a channel that receives the time again and again, first when one period has passed. A tick that
// comes while the one before has not been received yet is dropped; a late one does not delay those after it. Move-only; its members are called by one
// party at a time, the receivers' by any number.
class ticker {
public:
    // Starts it. The period is rounded up to whole nanoseconds. Throws std::invalid_argument unless it is above zero;
    // else as after does.
    template <class Rep, class Period>
    explicit ticker(std::chrono::duration<Rep, Period> const& period)
        : ticks_(detail::make_ticker(detail::steady_duration(period))) {}
    ticker(ticker&& other) noexcept : ticks_(std::move(other.ticks_)) {}
    ticker& operator=(ticker&& other) noexcept {
        if (this != &other) {
            stop();
            ticks_ = std::move(other.ticks_);
        }
        return *this;
    }
    ~ticker() { stop(); }

    [[nodiscard]] receiver<std::chrono::steady_clock::time_point> ticks() const noexcept { return ticks_; }

    // No tick can be received after this, not even one that came before. The channel is not closed, so that
    // nobody takes that for a tick. May block for a moment, while a tick is being sent.
    void stop() noexcept { detail::stop_ticker(detail::access::core(ticks_).get()); }

    // As if stopped, and made anew with this period. Throws std::invalid_argument unless it is above zero.
    template <class Rep, class Period>
    void reset(std::chrono::duration<Rep, Period> const& period) {
        detail::reset_ticker(detail::access::core(ticks_).get(), detail::steady_duration(period));
    }

private:
    chan<std::chrono::steady_clock::time_point> ticks_;
};

} // namespace fiber
