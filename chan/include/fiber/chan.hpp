// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chan.hpp: Go's channels.
#pragma once

#include <fiber/detail/channel.hpp>
#include <fiber/detail/config.hpp>
#include <fiber/detail/element.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace fiber {

// Thrown by a send to a closed channel, and by a close of a closed or null one: where Go panics.
class FIBER_API closed_channel : public std::logic_error {
public:
    explicit closed_channel(char const* what);
    ~closed_channel() override;
};

template <class T>
class chan_iterator;

// What a chan<void> carries: that something has happened, and nothing more.
struct unit {
    friend constexpr bool operator==(unit, unit) noexcept = default;
};

namespace detail {
template <class T>
using value_of = std::conditional_t<std::is_void_v<T>, unit, T>;

// For the library's own: what a handle refers to.
struct access {
    template <class Handle>
    static auto&& core(Handle&& h) noexcept {
        return (std::forward<Handle>(h).core_);
    }
    template <class Handle>
    static Handle make(channel_ptr core) noexcept {
        Handle h;
        h.core_ = std::move(core);
        return h;
    }
};
} // namespace detail

// A channel of T: values come out in the order in which they went in, each exactly once. A chan is a handle:
// copies share the channel, which lives as long as the last of them; values that nobody has received die with
// it.
//
// Capacity 0 is a rendezvous: a send returns when its value has been received. With capacity n up to n values
// wait in the channel, and a send blocks only while it is full. What blocks is the calling fiber or OS
// thread. A null chan (made from nullptr, or moved from) is Go's nil channel: send, recv and iteration block
// for ever, try_* and timed operations fail as full, empty or timed out.
//
// Thread-safety: const members may be called from any number of fibers and OS threads at once, on one handle
// too; assigning to a handle that others use is a race, as for std::shared_ptr. A handle may be destroyed as
// soon as the caller's own operation has returned, even while its partner's is still returning.
//
// A chan<void> is Go's chan struct{}: send() without a value, and recv() as true or false:
//   done.send();    if (done.recv()) …
//
// T need only be movable. A T whose move may throw is sent in a box of its own, others without any
// allocation; the move and the destructor of those run under the channel's lock and must not block or use
// channels.
template <class T>
class chan {
public:
    using value_type = detail::value_of<T>; // T, or unit for void
    using iterator = chan_iterator<T>;
    using sentinel = std::default_sentinel_t;

    // Throw std::length_error if the capacity is negative or can never be had, and std::bad_alloc.
    chan() : chan(0) {}
    explicit chan(std::integral auto capacity) : core_(detail::make_channel<value_type>(checked(capacity))) {}
    template <std::same_as<std::nullptr_t> Null> // nothing that converts to it: 0 is a capacity
    chan(Null) noexcept {}

    // Blocks until the value has a receiver or a place in the channel. Throws closed_channel if the channel
    // is closed, also while it waits.
    void send(value_type value) const { detail::send(core_.get(), value); }
    template <class Void = T> // a template, lest clang 14 makes it for other T, too
    requires std::is_void_v<Void>
    void send() const { send(unit()); }

    // Blocks for a value; nullopt: closed and drained. Throws what T's move throws; that value is lost.
    std::optional<value_type> recv() const { return detail::recv<value_type>(core_.get()); }

    // Never block: success, full or closed. The value is moved from on success only. Throw what making a copy
    // or a box of it throws; then nothing has been sent.
    op_status try_send(value_type&& value) const { return detail::try_send(core_.get(), value); }
    op_status try_send(value_type const& value) const requires std::is_copy_constructible_v<value_type> {
        return detail::try_send_copy(core_.get(), value);
    }

    // Never blocks: success, empty, or closed (and drained). Throws what assigning to `out` throws; that
    // value is lost.
    op_status try_recv(value_type& out) const { return detail::try_recv(core_.get(), out); }

    // Block at most that long, or for ever if it is more than the clock can count: success, timeout or closed, also
    // while they wait. What can be done at once is done, even if the time is over already. Value and exceptions as in try_send and try_recv.
    template <class Rep, class Period>
    op_status send_for(value_type&& value, std::chrono::duration<Rep, Period> const& d) const {
        return detail::send_for(core_.get(), value, d);
    }
    template <class Clock, class Duration>
    op_status send_until(value_type&& value, std::chrono::time_point<Clock, Duration> const& when) const {
        return detail::send_until(core_.get(), value, when);
    }
    template <class Rep, class Period>
    op_status recv_for(value_type& out, std::chrono::duration<Rep, Period> const& d) const {
        return detail::recv_for(core_.get(), out, d);
    }
    template <class Clock, class Duration>
    op_status recv_until(value_type& out, std::chrono::time_point<Clock, Duration> const& when) const {
        return detail::recv_until(core_.get(), out, when);
    }

    // No more values: waiting receivers get nullopt or `closed`, waiting senders closed_channel or `closed`,
    // and keep their values. What is in the channel can still be received. Never blocks; the second time it
    // throws closed_channel.
    void close() const { detail::channel::close(core_.get()); }

    // Whether close() has been called; values may still be in there. Never changes back.
    [[nodiscard]] bool closed() const noexcept { return detail::channel::closed(core_.get()); }
    // How many values are in the channel, those of blocked senders not counted: a guess once it is returned.
    [[nodiscard]] std::size_t size() const noexcept { return detail::channel::size(core_.get()); }
    [[nodiscard]] std::size_t capacity() const noexcept { return detail::channel::capacity(core_.get()); }

    // for (auto& value : ch): receives until the channel is closed and drained; blocks as recv does.
    [[nodiscard]] iterator begin() const { return iterator(core_); }
    [[nodiscard]] sentinel end() const noexcept { return {}; }

    // False: null.
    [[nodiscard]] explicit operator bool() const noexcept { return core_.get() != nullptr; }
    // Whether both are the same channel, or both null.
    friend bool operator==(chan const&, chan const&) noexcept = default;

private:
    template <class>
    friend class sender;
    template <class>
    friend class receiver;
    friend struct detail::access;

    template <std::integral Capacity>
    static std::size_t checked(Capacity capacity) {
        static_assert(sizeof(Capacity) <= sizeof(std::size_t));
        if constexpr (std::is_signed_v<Capacity>)
            if (capacity < 0)
                detail::channel::throw_negative_capacity(capacity);
        return static_cast<std::size_t>(capacity);
    }

    detail::channel_ptr core_;
};

// The send half of a chan<T>: the same channel, without the right to receive. Made from a chan<T> implicitly,
// so that a parameter's type says what a function does with a channel. Members as in chan; by default it is
// null.
template <class T>
class sender {
public:
    using value_type = detail::value_of<T>;

    sender() noexcept = default;
    template <std::same_as<std::nullptr_t> Null>
    sender(Null) noexcept {}
    sender(chan<T> const& both) noexcept : core_(both.core_) {}
    sender(chan<T>&& both) noexcept : core_(std::move(both.core_)) {}

    void send(value_type value) const { detail::send(core_.get(), value); }
    template <class Void = T>
    requires std::is_void_v<Void>
    void send() const { send(unit()); }
    op_status try_send(value_type&& value) const { return detail::try_send(core_.get(), value); }
    op_status try_send(value_type const& value) const requires std::is_copy_constructible_v<value_type> {
        return detail::try_send_copy(core_.get(), value);
    }
    template <class Rep, class Period>
    op_status send_for(value_type&& value, std::chrono::duration<Rep, Period> const& d) const {
        return detail::send_for(core_.get(), value, d);
    }
    template <class Clock, class Duration>
    op_status send_until(value_type&& value, std::chrono::time_point<Clock, Duration> const& when) const {
        return detail::send_until(core_.get(), value, when);
    }
    void close() const { detail::channel::close(core_.get()); }

    [[nodiscard]] bool closed() const noexcept { return detail::channel::closed(core_.get()); }
    [[nodiscard]] std::size_t size() const noexcept { return detail::channel::size(core_.get()); }
    [[nodiscard]] std::size_t capacity() const noexcept { return detail::channel::capacity(core_.get()); }
    [[nodiscard]] explicit operator bool() const noexcept { return core_.get() != nullptr; }
    friend bool operator==(sender const&, sender const&) noexcept = default;

private:
    friend struct detail::access;

    detail::channel_ptr core_;
};

// The receive half of a chan<T>, likewise: it can neither send nor close.
template <class T>
class receiver {
public:
    using value_type = detail::value_of<T>;
    using iterator = chan_iterator<T>;
    using sentinel = std::default_sentinel_t;

    receiver() noexcept = default;
    template <std::same_as<std::nullptr_t> Null>
    receiver(Null) noexcept {}
    receiver(chan<T> const& both) noexcept : core_(both.core_) {}
    receiver(chan<T>&& both) noexcept : core_(std::move(both.core_)) {}

    std::optional<value_type> recv() const { return detail::recv<value_type>(core_.get()); }
    op_status try_recv(value_type& out) const { return detail::try_recv(core_.get(), out); }
    template <class Rep, class Period>
    op_status recv_for(value_type& out, std::chrono::duration<Rep, Period> const& d) const {
        return detail::recv_for(core_.get(), out, d);
    }
    template <class Clock, class Duration>
    op_status recv_until(value_type& out, std::chrono::time_point<Clock, Duration> const& when) const {
        return detail::recv_until(core_.get(), out, when);
    }

    [[nodiscard]] bool closed() const noexcept { return detail::channel::closed(core_.get()); }
    [[nodiscard]] std::size_t size() const noexcept { return detail::channel::size(core_.get()); }
    [[nodiscard]] std::size_t capacity() const noexcept { return detail::channel::capacity(core_.get()); }
    [[nodiscard]] iterator begin() const { return iterator(core_); }
    [[nodiscard]] sentinel end() const noexcept { return {}; }
    [[nodiscard]] explicit operator bool() const noexcept { return core_.get() != nullptr; }
    friend bool operator==(receiver const&, receiver const&) noexcept = default;

private:
    friend struct detail::access;

    detail::channel_ptr core_;
};

// An input iterator: holds the value received last, until it receives the next. It shares the channel, so
// that the loop's body may let go of the handle.
template <class T>
class chan_iterator {
public:
    using value_type = detail::value_of<T>;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    [[nodiscard]] value_type& operator*() const noexcept { return *value_; }
    [[nodiscard]] value_type* operator->() const noexcept { return std::addressof(*value_); }
    chan_iterator& operator++() {
        value_.reset();
        if (auto next = detail::recv<value_type>(core_.get()))
            value_.emplace(std::move(*next));
        return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(chan_iterator const& it, std::default_sentinel_t) noexcept { return !it.value_; }

private:
    friend class chan<T>;
    friend class receiver<T>;
    explicit chan_iterator(detail::channel_ptr const& core)
        : core_(core), value_(detail::recv<value_type>(core_.get())) {}

    detail::channel_ptr core_;
    mutable std::optional<value_type> value_; // a const iterator still gives T&, as those of containers do
};

} // namespace fiber
