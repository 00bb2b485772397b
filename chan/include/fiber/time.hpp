// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// time.hpp: points in time as channels, and as calls: Go's time.After, AfterFunc, Timer and Ticker.
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

// What an after_func timer calls, each time it is due.
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

// Without a function it sends the time.
[[nodiscard]] FIBER_API chan<std::chrono::steady_clock::time_point> make_timer(deadline,
                                                                               std::unique_ptr<timer_func>);
FIBER_API bool stop_timer(channel*) noexcept;
FIBER_API bool reset_timer(channel*, deadline);
} // namespace detail

// Go's time.After: a channel that receives the time once, when d has passed: at once if d is not above zero, never
// if it is more than the clock can count. Costs nothing any more once the last receiver has been dropped. In a select, on_timeout does the same without a channel. Throws as go does, and
// std::bad_alloc.
template <class Rep, class Period>
[[nodiscard]] receiver<std::chrono::steady_clock::time_point>
after(std::chrono::duration<Rep, Period> const& d) {
    return detail::make_after(detail::deadline_after(d));
}

// Go's time.Timer: a channel that receives the time once, when d has passed, and again after each reset.
// Dropping it does not stop it: the channel still receives the time, the function of an after_func timer is
// still called. Move-only. Thread-safe, but for moves.
class timer {
public:
    // Starts it. Not above zero: it is due at once. More than the clock can count: never. Throws as after
    // does.
    template <class Rep, class Period>
    explicit timer(std::chrono::duration<Rep, Period> const& d)
        : timer(detail::make_timer(detail::deadline_after(d), nullptr)) {}
    timer(timer&&) noexcept = default;
    timer& operator=(timer&&) noexcept = default;

    // Never closed. An after_func timer's never receives anything.
    [[nodiscard]] receiver<std::chrono::steady_clock::time_point> channel() const noexcept {
        return channel_;
    }

    // Stops it, and returns true if that was in time: what it was armed for will not happen. A time that has
    // come but has not been received is taken out, and counts as in time, as in Go. Returns false if the time
    // has been received, the function has been called, or it was stopped before. After this no time from
    // before can be received. Does not wait for the function.
    bool stop() noexcept { return detail::stop_timer(detail::access::core(channel_).get()); }

    // Starts it anew, and returns what stop would. The function of an after_func timer may then run twice at
    // the same time. Throws as the constructor, and std::logic_error if the timer has been moved from.
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

// Go's time.AfterFunc: runs f() in a fiber of its own when d has passed, and again after each reset. The
// result may be dropped. An exception that leaves f ends the program, as in go. Throws as after does, and
// what moving f throws.
template <class Rep, class Period, class F>
requires std::is_invocable_v < std::decay_t<F>
& > timer after_func(std::chrono::duration<Rep, Period> const& d, F&& f) {
    auto func = std::make_unique<detail::timer_func_of<std::decay_t<F>>>(std::forward<F>(f));
    return timer(detail::make_timer(detail::deadline_after(d), std::move(func)));
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
