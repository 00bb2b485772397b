// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// future.hpp: future and shared_future, which the public <fiber/future.hpp> includes.
#pragma once

#include <fiber/detail/deadline.hpp>
#include <fiber/detail/shared_state.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <type_traits>
#include <utility>

namespace fiber {

// std's own: they may be named either way.
using std::future_category;
using std::future_errc;
using std::future_error;
using std::future_status;
using std::launch;

template <class R>
class future;
template <class R>
class shared_future;

namespace detail {

// What both have.
template <class R>
class future_base {
public:
    // Whether it refers to a result. All members but this one, assignment and destruction throw
    // future_error(no_state) if not.
    [[nodiscard]] bool valid() const noexcept { return bool(state_); }

    // Block until the result is there: park a fiber, block an OS thread.
    void wait() const { state_->wait(); }

    // The same, but not beyond the given time. A function that has been deferred is not run.
    template <class Rep, class Period>
    std::future_status wait_for(std::chrono::duration<Rep, Period> const& duration) const {
        auto const now = state_->status();
        return now != std::future_status::timeout || !detail::has_length(duration)
                   ? now
                   : state_->wait_before(detail::deadline_after(duration));
    }
    template <class Clock, class Duration>
    std::future_status wait_until(std::chrono::time_point<Clock, Duration> const& when) const {
        // Again after a wait: the clock may have been set back meanwhile.
        for (auto seen = state_->status();; seen = state_->wait_before(detail::deadline_at(when)))
            if (seen != std::future_status::timeout || detail::has_passed(when))
                return seen;
    }

protected:
    future_base() noexcept = default;
    explicit future_base(state_pointer<result_state<R>> state) noexcept : state_(std::move(state)) {}

    state_pointer<result_state<R>> state_;
};

struct future_access;

} // namespace detail

// future is std::future: the right to take a result, once. Move-only. If async made it, its destructor waits for the
// function to return.
template <class R>
class future : public detail::future_base<R> {
public:
    future() noexcept = default;
    future(future&&) noexcept = default;
    future& operator=(future&&) noexcept = default;

    // Waits, and moves the value out, or throws the exception. Afterwards it is not valid().
    R get() {
        auto const state = std::move(this->state_);
        if constexpr (std::is_void_v<R>)
            static_cast<void>(state->get());
        else if constexpr (std::is_reference_v<R>)
            return *state->get();
        else
            return std::move(state->get());
    }
    // Afterwards it is not valid().
    [[nodiscard]] shared_future<R> share() noexcept { return shared_future<R>(std::move(*this)); }

private:
    friend detail::future_access;
    friend class shared_future<R>;
    explicit future(detail::state_pointer<detail::result_state<R>> state) noexcept
        : detail::future_base<R>(std::move(state)) {}
};

// shared_future is std::shared_future: copies refer to the same result, which each may look at as often as it likes.
// Several parties use several copies.
template <class R>
class shared_future : public detail::future_base<R> {
public:
    shared_future() noexcept = default;
    shared_future(future<R>&& other) noexcept : detail::future_base<R>(std::move(other.state_)) {}
    shared_future(shared_future const&) noexcept = default;
    shared_future(shared_future&&) noexcept = default;
    shared_future& operator=(shared_future const&) noexcept = default;
    shared_future& operator=(shared_future&&) noexcept = default;

    // Waits. The value, which lives as long as a copy of this does; or throws the exception.
    std::add_lvalue_reference_t<R const> get() const requires(!std::is_void_v<R> && !std::is_reference_v<R>) {
        return this->state_->get();
    }
    R get() const requires(std::is_void_v<R> || std::is_reference_v<R>) {
        if constexpr (std::is_void_v<R>)
            static_cast<void>(this->state_->get());
        else
            return *this->state_->get();
    }
};

namespace detail {

struct future_access {
    // Takes over a reference.
    template <class R>
    [[nodiscard]] static future<R> make(result_state<R>& state) noexcept {
        return future<R>(state_pointer<result_state<R>>(std::addressof(state)));
    }
};

} // namespace detail
} // namespace fiber
