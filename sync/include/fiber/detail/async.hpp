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

// The result of a fiber. The last owner joins the fiber, so the fiber needs no reference.
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
        call_.reset(); // before a waiter continues and destroys objects that the call may refer to
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

// async is std::async: it runs f(args...), with decayed copies, and gives the value or the
// exception to the future. With launch::async, alone or together with launch::deferred, f runs in a
// new fiber; throws what fiber::go throws. With launch::deferred, f runs in the first fiber or OS
// thread that waits for the result, if there is one. Throws std::invalid_argument if the policy
// contains neither. The attributes of the new fiber may come first, also in braces: async({.name =
// "sum"}, f).
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

// Without a policy, the policy is launch::async.
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
