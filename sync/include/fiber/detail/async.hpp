// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// async.hpp: async, which the public <fiber/future.hpp> includes.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/future.hpp>
#include <fiber/detail/shared_state.hpp>
#include <fiber/go.hpp>

#include <functional>
#include <future>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace fiber {
namespace detail {

[[noreturn]] FIBER_API void throw_bad_launch_policy();

template <class F, class... Args>
using async_result = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;

// The result of a fiber, which its last owner waits for: so the fiber needs no reference.
template <class R, class F, class... Args>
class async_state final : public result_state<R> {
public:
    template <class... From>
    explicit async_state(std::in_place_t, From&&... from)
        : call_(std::in_place, std::forward<From>(from)...) {}
    ~async_state() override {
        if (fiber_.joinable())
            fiber_.join();
    }
    void start(attributes const& how) {
        fiber_ = fiber::start_like_thread(
            how,
            [](async_state* self) {
                self->run();
                self->make_ready_at_end();
            },
            this);
    }

private:
    void run() noexcept {
        std::apply([this](F& f, Args&... args) { this->store_result(std::move(f), std::move(args)...); },
                   call_.operator*());
        call_.reset(); // before anybody goes on, and takes away what it may refer to
    }
    std::optional<std::tuple<F, Args...>> call_;
    handle fiber_;
};

template <class R, class F, class... Args>
class deferred_state final : public result_state<R> {
public:
    template <class... From>
    explicit deferred_state(std::in_place_t, From&&... from) : call_(std::forward<From>(from)...) {
        this->defer();
    }

private:
    void run_deferred() noexcept override {
        std::apply([this](F& f, Args&... args) { this->store_result(std::move(f), std::move(args)...); },
                   call_);
        this->make_ready();
    }
    std::tuple<F, Args...> call_;
};

} // namespace detail

// async is std::async: runs f(args...), decay-copied, and hands its value or exception to the future. launch::async, also
// if it is one of both: in a new fiber, as thread does, and throws as go does. launch::deferred: in the first party that
// waits for it, if any does. Throws std::invalid_argument if the policy is neither. Attributes may come first, braced too:
// async({.name = "sum"}, f); they are those of the new fiber.
template <class F, class... Args>
[[nodiscard]] future<detail::async_result<F, Args...>> async(attributes how, launch policy, F&& f,
                                                             Args&&... args) {
    using result = detail::async_result<F, Args...>;
    if ((policy & launch::async) == launch::async) {
        using state = detail::async_state<result, std::decay_t<F>, std::decay_t<Args>...>;
        detail::state_pointer<state> made(
            new state(std::in_place, std::forward<F>(f), std::forward<Args>(args)...));
        made->start(how);
        return detail::future_access::make<result>(*made.detach());
    }
    if ((policy & launch::deferred) != launch::deferred)
        detail::throw_bad_launch_policy();
    using state = detail::deferred_state<result, std::decay_t<F>, std::decay_t<Args>...>;
    return detail::future_access::make<result>(
        *new state(std::in_place, std::forward<F>(f), std::forward<Args>(args)...));
}

template <class F, class... Args>
[[nodiscard]] future<detail::async_result<F, Args...>> async(launch policy, F&& f, Args&&... args) {
    return fiber::async(attributes{}, policy, std::forward<F>(f), std::forward<Args>(args)...);
}

// With launch::async.
template <class F, class... Args>
requires(!detail::is_one_of<F, launch, attributes>)
    [[nodiscard]] future<detail::async_result<F, Args...>> async(F&& f, Args&&... args) {
    return fiber::async(attributes{}, launch::async, std::forward<F>(f), std::forward<Args>(args)...);
}
template <class F, class... Args>
requires(!detail::is_one_of<F, launch>)
    [[nodiscard]] future<detail::async_result<F, Args...>> async(attributes how, F&& f, Args&&... args) {
    return fiber::async(how, launch::async, std::forward<F>(f), std::forward<Args>(args)...);
}

} // namespace fiber
