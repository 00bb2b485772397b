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
#include <type_traits>
#include <utility>

namespace fiber {

template <class T>
class chan_iterator;

// The element of a chan<void>: it tells that something has happened, and carries no value.
struct unit {
    friend constexpr bool operator==(unit, unit) noexcept = default;
};

namespace detail {
template <class T>
using value_of = std::conditional_t<std::is_void_v<T>, unit, T>;

// Gives the library access to the channel of a handle.
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

// A channel of T: a FIFO queue that delivers each value exactly once. A chan is a handle: copies share the
// channel. The last handle destroys the channel and the values that were not received.
//
// With capacity 0 a send returns when its value has been received. With capacity n, up to n values wait in
// the channel, and a send blocks only while the channel is full. An operation blocks the calling fiber or OS
// thread. A null chan (made from nullptr, or moved from) is Go's nil channel: send, recv and iteration block
// for ever, and try_* and timed operations return full, empty or timeout.
//
// Thread-safety: any number of fibers and OS threads may call const members at the same time, also on the
// same handle. To assign to a handle that others use is a race, as for std::shared_ptr. A handle may be
// destroyed when the caller's own operation has returned, even if the partner's has not returned yet.
//
// A chan<void> is Go's chan struct{}. send() takes no value, and the result of recv() is true or false:
//   done.send();    if (done.recv()) …
//
// T need only be movable. A T with a move that may throw is sent in a box, which is allocated. Any other T is
// sent without an allocation. Its move and its destructor run under the channel's lock, and must not block
// or use channels.
template <class T>
class chan {
public:
    using value_type = detail::value_of<T>; // T, or unit for void
    using iterator = chan_iterator<T>;
    using sentinel = std::default_sentinel_t;

    // Throw std::length_error if the capacity is negative or too large for any memory, and std::bad_alloc.
    chan() : chan(0) {}
    explicit chan(std::integral auto capacity) : core_(detail::make_channel<value_type>(checked(capacity))) {}
    template <std::same_as<std::nullptr_t> Null> // a template: 0 is a capacity and must not convert
    chan(Null) noexcept {}

    // Sends a value. Blocks until a receiver has it or the channel has room. Throws closed_channel if the
    // channel is closed, also while it waits.
    void send(value_type value) const { detail::send(core_.get(), value); }
    template <class Void = T> // a template: else clang 14 instantiates it for any T
    requires std::is_void_v<Void>
    void send() const { send(unit()); }

    // Blocks until it has received a value, and returns it. Returns nullopt if the channel is closed and
    // drained. Throws what T's move throws: that value is lost.
    std::optional<value_type> recv() const { return detail::recv<value_type>(core_.get()); }

    // Never block. Return success, full or closed. The value is moved from on success only. Throw what the
    // copy or the box of the value throws: then nothing was sent.
    op_status try_send(value_type&& value) const { return detail::try_send(core_.get(), value); }
    op_status try_send(value_type const& value) const requires std::is_copy_constructible_v<value_type> {
        return detail::try_send_copy(core_.get(), value);
    }

    // Never blocks. Returns success, empty, or closed (and drained). Throws what the assignment to `out`
    // throws: that value is lost.
    op_status try_recv(value_type& out) const { return detail::try_recv(core_.get(), out); }

    // Block at most for this duration, or until this time; for ever if it is more than the clock can count.
    // Return success, timeout or closed, also if the channel is closed while they wait. An operation that can
    // be done at once is done, even if the time is over. Values and exceptions: as try_send and try_recv.
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

    // Closes the channel. Waiting receivers return nullopt or `closed`. Waiting senders throw closed_channel
    // or return `closed`, and keep their values. Values in the channel can still be received. Never blocks.
    // Throws closed_channel if the channel is closed already, or null.
    void close() const { detail::channel::close(core_.get()); }

    // Returns true if close() has been called. Values may still be in the channel. Never changes back.
    [[nodiscard]] bool closed() const noexcept { return detail::channel::closed(core_.get()); }
    // Returns the number of values in the channel, without the values of blocked senders. A snapshot.
    [[nodiscard]] std::size_t size() const noexcept { return detail::channel::size(core_.get()); }
    [[nodiscard]] std::size_t capacity() const noexcept { return detail::channel::capacity(core_.get()); }

    // for (auto& value : ch) receives until the channel is closed and drained. It blocks as recv does.
    [[nodiscard]] iterator begin() const { return iterator(core_); }
    [[nodiscard]] sentinel end() const noexcept { return {}; }

    // Returns false if the chan is null.
    [[nodiscard]] explicit operator bool() const noexcept { return core_.get() != nullptr; }
    // Returns true if both are the same channel, or both are null.
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

// The send half of a chan<T>, Go's chan<- T: the same channel, without the right to receive. A chan<T>
// converts to it, so the type of a parameter says how a function uses the channel. The members are the same
// as in chan. A default-constructed sender is null.
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

// The receive half of a chan<T>, Go's <-chan T: it can neither send nor close.
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

// An input iterator over a channel. It holds the last received value until it receives the next. It has a
// reference to the channel: the loop's body may destroy the handle.
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
    mutable std::optional<value_type> value_; // mutable: a const iterator gives T&, as in containers
};

} // namespace fiber
