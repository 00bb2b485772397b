// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// element.hpp: converts between T and the elements of the untyped channel. Installed, not API.
//
// The channel moves elements under its lock, where nothing may throw. Therefore a T with a move that may
// throw travels in a box. The box is made before the channel is touched, and the channel moves the pointer.
// In both cases an element that was not delivered is still whole at its sender.
#pragma once

#include <fiber/detail/channel.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

namespace fiber::detail {

template <class T>
inline constexpr bool is_boxed = !std::is_nothrow_move_constructible_v<T>;

template <class T>
using stored = std::conditional_t<is_boxed<T>, std::unique_ptr<T>, T>;

template <std::size_t Size, std::size_t Align>
inline constexpr element_ops ops_of_bytes{Size, Align, nullptr, nullptr};

template <class S>
inline constexpr element_ops ops_of_objects{
    sizeof(S),
    alignof(S),
    [](void* to, void* from) noexcept { ::new (to) S(std::move(*static_cast<S*>(from))); },
    [](void* it) noexcept { static_cast<S*>(it)->~S(); },
};

template <class S>
[[nodiscard]] constexpr element_ops const& ops_of() noexcept {
    if constexpr (std::is_trivially_copyable_v<S>)
        return ops_of_bytes<sizeof(S), alignof(S)>;
    else
        return ops_of_objects<S>;
}

template <class T>
[[nodiscard]] channel_ptr make_channel(std::size_t capacity) {
    static_assert(std::is_object_v<T> && !std::is_array_v<T> && std::is_same_v<T, std::remove_cv_t<T>>,
                  "fiber::chan<T>: T is a plain object type");
    static_assert(std::is_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                  "fiber::chan<T>: T can be moved, and its destructor does not throw");
    return channel_ptr(channel::make(ops_of<stored<T>>(), capacity));
}

// Calls op(pointer to the stored form of the value). The value is moved from on success only.
template <class T, class Op>
op_status send_with(T& value, Op const& op) {
    if constexpr (!is_boxed<T>) {
        return op(static_cast<void*>(std::addressof(value)));
    } else {
        auto box = std::make_unique<T>(std::move_if_noexcept(value)); // copies T if it can be copied
        op_status const status = op(static_cast<void*>(&box));
        if constexpr (!std::is_copy_constructible_v<T>)
            if (status != op_status::success)
                value = std::move(*box);
        return status;
    }
}

template <class T>
void send(channel* to, T& value) {
    if constexpr (!is_boxed<T>) {
        channel::send(to, std::addressof(value));
    } else {
        auto box = std::make_unique<T>(std::move(value));
        channel::send(to, &box);
    }
}

template <class T>
[[nodiscard]] op_status try_send(channel* to, T& value) {
    return detail::send_with(value, [to](void* v) { return channel::try_send(to, v); });
}

template <class T>
[[nodiscard]] op_status try_send_copy(channel* to, T const& value) {
    if constexpr (!std::is_trivially_copyable_v<T>)
        if (op_status const status = channel::send_readiness(to); status != op_status::success)
            return status; // no copy for a send that is sure to fail
    stored<T> copy = [&]() -> stored<T> {
        if constexpr (is_boxed<T>)
            return std::make_unique<T>(value);
        else
            return value;
    }();
    return channel::try_send(to, std::addressof(copy));
}

[[nodiscard]] constexpr bool would_block(op_status status) noexcept {
    return status == op_status::full || status == op_status::empty;
}

// Performs a timed operation: tries it without reading the clock, then waits if there is any time.
template <class Try, class Wait, class Rep, class Period>
[[nodiscard]] op_status try_then_wait(Try const& attempt, Wait const& wait,
                                      std::chrono::duration<Rep, Period> const& d) {
    op_status const status = attempt();
    if (!detail::would_block(status))
        return status;
    return detail::has_length(d) ? wait(detail::deadline_after(d)) : op_status::timeout;
}

template <class Try, class Wait, class Clock, class Duration>
[[nodiscard]] op_status try_then_wait(Try const& attempt, Wait const& wait,
                                      std::chrono::time_point<Clock, Duration> const& when) {
    op_status status = attempt();
    if (!detail::would_block(status))
        return status;
    status = op_status::timeout;
    while (status == op_status::timeout &&
           !detail::has_passed(when)) // waits again: the clock may have been set back
        status = wait(detail::deadline_at(when));
    return status;
}

template <class T, class Rep, class Period>
[[nodiscard]] op_status send_for(channel* to, T& value, std::chrono::duration<Rep, Period> const& d) {
    return detail::send_with(value, [&](void* v) {
        return detail::try_then_wait([&] { return channel::try_send(to, v); },
                                     [&](deadline at) { return channel::send_until(to, v, at); }, d);
    });
}

template <class T, class Clock, class Duration>
[[nodiscard]] op_status send_until(channel* to, T& value,
                                   std::chrono::time_point<Clock, Duration> const& when) {
    return detail::send_with(value, [&](void* v) {
        return detail::try_then_wait([&] { return channel::try_send(to, v); },
                                     [&](deadline at) { return channel::send_until(to, v, at); }, when);
    });
}

// Memory for one element on the receiver's stack. The sender moves the element directly into it.
template <class T>
class recv_slot {
public:
    recv_slot() noexcept {}
    recv_slot(recv_slot const&) = delete;
    recv_slot& operator=(recv_slot const&) = delete;
    ~recv_slot() {
        if (received_)
            std::destroy_at(std::addressof(element_));
    }

    [[nodiscard]] void* dst() noexcept { return std::addressof(element_); }
    [[nodiscard]] T& received() noexcept {
        received_ = true;
        if constexpr (is_boxed<T>)
            return *element_;
        else
            return element_;
    }
    // Moves the received element out. The slot is empty again after that.
    [[nodiscard]] std::optional<T> take() {
        struct emptied {
            recv_slot& in;
            ~emptied() {
                std::destroy_at(std::addressof(in.element_));
                in.received_ = false;
            }
        } const at_the_end{*this};
        return std::optional<T>(std::in_place, std::move(received()));
    }

private:
    union {
        stored<T> element_;
    };
    bool received_ = false;
};

template <class T>
[[nodiscard]] std::optional<T> recv(channel* from) {
    recv_slot<T> in;
    if (!channel::recv(from, in.dst()))
        return std::nullopt;
    return std::optional<T>(std::in_place, std::move(in.received()));
}

// Calls op(memory for one element), and assigns the received element to `out`.
template <class T, class Op>
op_status recv_with(T& out, Op const& op) {
    recv_slot<T> in;
    op_status const status = op(in.dst());
    if (status == op_status::success)
        out = std::move(in.received());
    return status;
}

template <class T>
[[nodiscard]] op_status try_recv(channel* from, T& out) {
    return detail::recv_with(out, [from](void* dst) { return channel::try_recv(from, dst); });
}

template <class T, class Rep, class Period>
[[nodiscard]] op_status recv_for(channel* from, T& out, std::chrono::duration<Rep, Period> const& d) {
    return detail::recv_with(out, [&](void* dst) {
        return detail::try_then_wait([&] { return channel::try_recv(from, dst); },
                                     [&](deadline at) { return channel::recv_until(from, dst, at); }, d);
    });
}

template <class T, class Clock, class Duration>
[[nodiscard]] op_status recv_until(channel* from, T& out,
                                   std::chrono::time_point<Clock, Duration> const& when) {
    return detail::recv_with(out, [&](void* dst) {
        return detail::try_then_wait([&] { return channel::try_recv(from, dst); },
                                     [&](deadline at) { return channel::recv_until(from, dst, at); }, when);
    });
}

} // namespace fiber::detail
