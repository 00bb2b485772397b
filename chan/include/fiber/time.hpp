// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// time.hpp: channels that receive the time, and delayed calls: Go's time.After, AfterFunc, Timer and Ticker.
#pragma once

#include <fiber/chan.hpp>
#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/select_cases.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace fiber {

namespace detail {
[[nodiscard]] FIBER_API chan<std::chrono::steady_clock::time_point> make_after(deadline);
[[nodiscard]] FIBER_API chan<std::chrono::steady_clock::time_point> make_ticker(deadline::duration period);
FIBER_API void stop_ticker(channel*) noexcept;
FIBER_API void reset_ticker(channel*, deadline::duration period);

// The function of an after_func timer, called each time the timer is due.
struct FIBER_API timer_func {
    timer_func() noexcept = default;
    virtual ~timer_func();
    timer_func(timer_func const&) = delete;
    timer_func& operator=(timer_func const&) = delete;
    virtual void run() = 0;
};

template <class F>
struct timer_func_of final : timer_func {
    template <class From>
    explicit timer_func_of(From&& from) : f(std::forward<From>(from)) {}
    void run() override { std::invoke(f); }
    F f;
};

// Makes a timer that calls the function, or that sends the time if the function is null.
[[nodiscard]] FIBER_API chan<std::chrono::steady_clock::time_point> make_timer(deadline,
                                                                               std::unique_ptr<timer_func>);
FIBER_API bool stop_timer(channel*) noexcept;
FIBER_API bool reset_timer(channel*, deadline);
} // namespace detail

// Go's time.After. Returns a channel that receives the time once, when d has passed: at once if d is zero or
// negative, never if d is more than the clock can count. Costs nothing any more once the last receiver is
// destroyed. In a select, on_timeout does the same without a channel. Throws as go does, and std::bad_alloc.
template <class Rep, class Period>
[[nodiscard]] receiver<std::chrono::steady_clock::time_point>
after(std::chrono::duration<Rep, Period> const& d) {
    return detail::make_after(detail::deadline_after(d));
}

// Go's time.Timer: a channel that receives the time once, when d has passed, and again after each reset. The
// destructor does not stop the timer: the channel still receives the time, and the function of an after_func
// timer is still called. Move-only. Thread-safe, except for moves.
class timer {
public:
    // Starts the timer. It is due at once if d is zero or negative, never if d is more than the clock can
    // count. Throws as after does.
    template <class Rep, class Period>
    explicit timer(std::chrono::duration<Rep, Period> const& d)
        : timer(detail::make_timer(detail::deadline_after(d), nullptr)) {}
    timer(timer&&) noexcept = default;
    timer& operator=(timer&&) noexcept = default;

    // Returns the channel. It is never closed. The channel of an after_func timer receives nothing.
    [[nodiscard]] receiver<std::chrono::steady_clock::time_point> channel() const noexcept {
        return channel_;
    }

    // Stops the timer. Returns true if it has prevented the function's call or the receipt of the time. It
    // takes a time that was sent but not received out of the channel, and returns true, as in Go. Returns
    // false if the time has been received, the function has been called, or the timer was stopped already.
    // No earlier time can be received after this. Does not wait for the function.
    bool stop() noexcept { return detail::stop_timer(detail::access::core(channel_).get()); }

    // Starts the timer again, and returns the result that stop would. The function of an after_func timer may
    // then run twice at the same time. Throws as the constructor does, and std::logic_error if the timer has
    // been moved from.
    template <class Rep, class Period>
    bool reset(std::chrono::duration<Rep, Period> const& d) {
        return detail::reset_timer(detail::access::core(channel_).get(), detail::deadline_after(d));
    }

private:
    template <class Rep, class Period, class F>
    requires std::is_invocable_v < std::decay_t<F>
    & > friend timer after_func(std::chrono::duration<Rep, Period> const&, F&&);
    explicit timer(chan<std::chrono::steady_clock::time_point> made) noexcept : channel_(std::move(made)) {}

    chan<std::chrono::steady_clock::time_point> channel_;
};

// Go's time.AfterFunc. Calls f() in a new fiber when d has passed, and again after each reset. The caller may
// ignore the result. An exception that leaves f ends the program, as in go. Throws as after does, and what
// moving f throws.
template <class Rep, class Period, class F>
requires std::is_invocable_v < std::decay_t<F>
& > timer after_func(std::chrono::duration<Rep, Period> const& d, F&& f) {
    auto func = std::make_unique<detail::timer_func_of<std::decay_t<F>>>(std::forward<F>(f));
    return timer(detail::make_timer(detail::deadline_after(d), std::move(func)));
}

// Go's time.Ticker: a channel that receives the time once in each period, first after one period. A tick is
// dropped if the tick before has not been received yet. A late tick does not delay the next. Move-only. One
// fiber or OS thread at a time may call the members; any number may use the receivers.
class ticker {
public:
    // Starts the ticker. The period is rounded up to whole nanoseconds. Throws std::invalid_argument unless
    // the period is above zero, and as after does.
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

    // Stops the ticker. No tick can be received after this, not even an earlier one. The channel is not
    // closed, because a receiver would take that for a tick. May block briefly, while a tick is sent.
    void stop() noexcept { detail::stop_ticker(detail::access::core(ticks_).get()); }

    // Stops the ticker, and starts it with this period. Throws std::invalid_argument unless the period is
    // above zero, and std::logic_error if the ticker has been moved from.
    template <class Rep, class Period>
    void reset(std::chrono::duration<Rep, Period> const& period) {
        detail::reset_ticker(detail::access::core(ticks_).get(), detail::steady_duration(period));
    }

private:
    chan<std::chrono::steady_clock::time_point> ticks_;
};

} // namespace fiber
