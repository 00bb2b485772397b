// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// select_cases.hpp: the typed cases of a select: the value that is received or sent, and the callable.
// Installed, not API: the functions of select.hpp make them. Each case has these functions:
//   make()       returns the untyped case
//   is_due()     returns false if the case was chosen too early, because its clock is not the steady clock;
//                then the caller makes it again and waits again
//   run(status)  calls the callable, and returns its result
#pragma once

#include <fiber/chan.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/element.hpp>
#include <fiber/detail/select_case.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace fiber::detail {

// Refers to a channel: to an lvalue, which must outlive the case, or to a temporary, which it keeps.
class channel_ref {
public:
    explicit channel_ref(channel_ptr const& lives) noexcept : channel_(lives.get()) {}
    explicit channel_ref(channel_ptr&& taken) noexcept : kept_(std::move(taken)), channel_(kept_.get()) {}
    [[nodiscard]] channel* get() const noexcept { return channel_; }

private:
    channel_ptr kept_;
    channel* channel_;
};

template <class Channel>
[[nodiscard]] channel_ref refer_to(Channel&& c) noexcept {
    return channel_ref(access::core(std::forward<Channel>(c)));
}

template <class Channel>
using value_in = typename std::remove_cvref_t<Channel>::value_type;
template <class Channel>
concept receives = requires(Channel const& c, value_in<Channel>& value) {
    access::core(c);
    c.try_recv(value);
};
template <class Channel>
concept sends = requires(Channel const& c, value_in<Channel>& value) {
    access::core(c);
    c.try_send(std::move(value));
};

class case_base {
public:
    case_base() = default;
    case_base(case_base const&) = delete; // the untyped case points at it
    case_base& operator=(case_base const&) = delete;
    [[nodiscard]] bool is_due() const noexcept { return true; }
};

template <class T, class F>
class recv_case : public case_base {
public:
    static_assert(std::is_invocable_v<F&, std::optional<T>>,
                  "fiber::on_recv: the callable takes a std::optional<T>");
    template <class Callable>
    recv_case(channel_ref from, Callable&& f) : from_(std::move(from)), f_(std::forward<Callable>(f)) {}

    [[nodiscard]] select_case make() noexcept { return {select_case::kind::recv, from_.get(), in_.dst()}; }
    decltype(auto) run(op_status status) {
        return std::invoke(f_, status == op_status::success ? in_.take() : std::nullopt);
    }

private:
    channel_ref from_;
    F f_;
    recv_slot<T> in_;
};

template <class T, class F>
class send_case : public case_base {
public:
    static_assert(std::is_invocable_v<F&>, "fiber::on_send: the callable takes nothing");
    template <class Callable>
    send_case(channel_ref to, T&& value, Callable&& f)
        : to_(std::move(to)), value_(store(std::move(value))), f_(std::forward<Callable>(f)) {}

    [[nodiscard]] select_case make() noexcept {
        return {select_case::kind::send, to_.get(), std::addressof(value_)};
    }
    decltype(auto) run(op_status status) {
        if (status == op_status::closed)
            throw_closed_in_select();
        return std::invoke(f_);
    }

private:
    static stored<T> store(T&& value) {
        if constexpr (is_boxed<T>)
            return std::make_unique<T>(std::move(value));
        else
            return std::move(value);
    }

    channel_ref to_;
    stored<T> value_;
    F f_;
};

template <class F>
class timeout_case : public case_base {
public:
    template <class Callable>
    timeout_case(std::chrono::steady_clock::duration d, Callable&& f)
        : d_(d), f_(std::forward<Callable>(f)) {}
    [[nodiscard]] select_case make() const noexcept { return select_case(d_); }
    decltype(auto) run(op_status) { return std::invoke(f_); }

private:
    std::chrono::steady_clock::duration d_;
    F f_;
};

template <class TimePoint, class F>
class deadline_case : public case_base {
public:
    template <class Callable>
    deadline_case(TimePoint const& when, Callable&& f) : when_(when), f_(std::forward<Callable>(f)) {}
    [[nodiscard]] select_case make() const { return select_case(detail::deadline_at(when_)); }
    [[nodiscard]] bool is_due() const { return detail::wait_is_over(when_); }
    decltype(auto) run(op_status) { return std::invoke(f_); }

private:
    TimePoint when_;
    F f_;
};

template <class F>
class stop_case : public case_base {
public:
    template <class Callable>
    stop_case(std::stop_token&& token, Callable&& f)
        : listener_(std::move(token)), f_(std::forward<Callable>(f)) {}
    [[nodiscard]] select_case make() noexcept { return select_case(listener_); }
    decltype(auto) run(op_status) { return std::invoke(f_); }

private:
    stop_listener listener_;
    F f_;
};

template <class F>
class otherwise_case : public case_base {
public:
    template <class Callable>
    explicit otherwise_case(Callable&& f) : f_(std::forward<Callable>(f)) {}
    [[nodiscard]] select_case make() const noexcept { return {}; }
    decltype(auto) run(op_status) { return std::invoke(f_); }

private:
    F f_;
};

template <class Case>
inline constexpr bool is_otherwise = false;
template <class F>
inline constexpr bool is_otherwise<otherwise_case<F>> = true;

// Selects among the cases, and calls visit(position, case, status) for the chosen one.
template <class Visit, class... Cases>
void select_and_visit(Visit const& visit, Cases&... cases) {
    constexpr std::size_t count = sizeof...(Cases), none = count;
    constexpr std::size_t otherwise = [] {
        bool const is[] = {is_otherwise<Cases>..., true};
        std::size_t i = 0;
        while (!is[i])
            ++i;
        return i;
    }();
    static_assert((std::size_t{0} + ... + (is_otherwise<Cases> ? 1 : 0)) <= 1,
                  "fiber::select: at most one otherwise");
    select_case all[count + 1] = {cases.make()..., select_case()};
    select_case* order[count + 1];
    for (;;) {
        auto chosen = select(all, count, order, otherwise == none ? may_wait::yes : may_wait::no);
        if (chosen == none)
            chosen = otherwise;
        std::size_t i = 0;
        bool too_early = false;
        // A fold over the cases: `i` is the position of the current one.
        static_cast<void>(
            ((i++ == chosen && ((too_early = !cases.is_due())
                                    ? (all[chosen] = otherwise == none ? cases.make() : select_case(), true)
                                    : (visit(chosen, cases, all[chosen].outcome), true))) ||
             ...));
        if (!too_early)
            return;
    }
}

} // namespace fiber::detail
