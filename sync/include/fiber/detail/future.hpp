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

// The same entities as in std.
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

// The common part of future and shared_future.
template <class R>
class future_base {
public:
    // Returns true if the future refers to a result. Otherwise all members but valid(), assignment
    // and the destructor throw future_error(no_state).
    [[nodiscard]] bool valid() const noexcept { return bool(state_); }

    // Blocks until the result is ready. Runs a deferred function in the caller.
    void wait() const { state_->wait(); }

    // Block until the result is ready, at most until the deadline. Do not run a deferred function:
    // return future_status::deferred at once.
    template <class Rep, class Period>
    std::future_status wait_for(std::chrono::duration<Rep, Period> const& duration) const {
        auto const now = state_->status();
        return now != std::future_status::timeout || !detail::has_length(duration)
                   ? now
                   : state_->wait_before(detail::deadline_after(duration));
    }
    template <class Clock, class Duration>
    std::future_status wait_until(std::chrono::time_point<Clock, Duration> const& when) const {
        // Checked after each wait: Clock may have been set back.
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

// future is std::future: the right to take a result once. Move-only. The destructor of a future
// that async made blocks until the function has returned.
template <class R>
class future : public detail::future_base<R> {
public:
    future() noexcept = default;
    future(future&&) noexcept = default;
    future& operator=(future&&) noexcept = default;

    // Blocks until the result is ready. Moves the value out, or throws the exception. Afterwards
    // valid() is false.
    R get() {
        auto const state = std::move(this->state_);
        if constexpr (std::is_void_v<R>)
            static_cast<void>(state->get());
        else if constexpr (std::is_reference_v<R>)
            return *state->get();
        else
            return std::move(state->get());
    }
    // Returns a shared_future for the same result. Afterwards valid() is false.
    [[nodiscard]] shared_future<R> share() noexcept { return shared_future<R>(std::move(*this)); }

private:
    friend detail::future_access;
    friend class shared_future<R>;
    explicit future(detail::state_pointer<detail::result_state<R>> state) noexcept
        : detail::future_base<R>(std::move(state)) {}
};

// shared_future is std::shared_future: all copies refer to the same result, and get() may be called
// any number of times. Each fiber or OS thread uses its own copy.
template <class R>
class shared_future : public detail::future_base<R> {
public:
    shared_future() noexcept = default;
    shared_future(future<R>&& other) noexcept : detail::future_base<R>(std::move(other.state_)) {}
    shared_future(shared_future const&) noexcept = default;
    shared_future(shared_future&&) noexcept = default;
    shared_future& operator=(shared_future const&) noexcept = default;
    shared_future& operator=(shared_future&&) noexcept = default;

    // Blocks until the result is ready. Returns the value, or throws the exception. The reference
    // is valid while a copy of this future exists.
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
    // Makes a future that takes over one of the caller's references to `state`.
    template <class R>
    [[nodiscard]] static future<R> make(result_state<R>& state) noexcept {
        return future<R>(state_pointer<result_state<R>>(std::addressof(state)));
    }
};

} // namespace detail
} // namespace fiber
