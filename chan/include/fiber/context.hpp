// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// context.hpp: Go's context.Context: tells all fibers that work on a request that its result is not needed.
//
//   auto ctx = fiber::context::with_timeout(parent, 2s);
//   fiber::select(fiber::on_recv(replies, use),
//                 fiber::on_recv(ctx.done(), [&](auto) { give_up(ctx.error()); }));
#pragma once

#include <fiber/chan.hpp>
#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace fiber {

namespace detail {

// Identifies the type of a value by its type_info. The address of a variable would differ in a shared library
// in which the type is hidden. Without RTTI the address alone identifies the type.
struct context_key {
    void const* address;
    std::type_info const* type;

    template <class T>
    [[nodiscard]] static context_key of() noexcept {
#if defined(__GXX_RTTI)
        return {&address_of<T>, &typeid(T)};
#else
        return {&address_of<T>, nullptr};
#endif
    }
    [[nodiscard]] bool matches(context_key const& other) const noexcept {
        return address == other.address || (type != nullptr && other.type != nullptr && *type == *other.type);
    }

private:
    template <class T>
    FIBER_API static constexpr char address_of = 0; // is hidden if T is
};

// A value that a context carries.
struct FIBER_API context_value {
    explicit context_value(context_key const& k) noexcept : key(k) {}
    virtual ~context_value();
    context_value(context_value const&) = delete;
    context_value& operator=(context_value const&) = delete;

    context_key const key;
    void const* at = nullptr;
};

template <class T>
struct context_value_of final : context_value {
    explicit context_value_of(T&& v) : context_value(context_key::of<T>()), value(std::move(v)) {
        at = std::addressof(value);
    }
    T value;
};

// The function of after_func.
struct FIBER_API context_func {
    context_func() noexcept = default;
    virtual ~context_func();
    context_func(context_func const&) = delete;
    context_func& operator=(context_func const&) = delete;
    virtual void run() = 0; // called in a new fiber
};

template <class F>
struct context_func_of final : context_func {
    template <class From>
    explicit context_func_of(From&& from) : f(std::forward<From>(from)) {}
    void run() override { std::invoke(std::move(f)); }
    F f;
};

class after_func_hook;

} // namespace detail

// A context is a handle, cheap to copy, for one node of a tree. To cancel a context cancels all contexts
// that are derived from it, at once and for good. Thread-safe as a chan is. Functions take a context as
// their first parameter, and pass on contexts that they derive from it. A context that has been moved
// from is the background.
//
// A node lives until the last of its handles, its derived contexts, and its done() channels is destroyed.
// Then it leaves its parent, and its deadline has no effect. To derive and destroy a million contexts in
// one chain needs no deep stack.
class FIBER_API context {
public:
    using time_point = std::chrono::steady_clock::time_point;

    // Returns the root of all trees. It is never cancelled: cancel() does nothing.
    static context background() noexcept { return context(detail::channel_ptr()); }

    // Returns a new context that can be cancelled by itself. It is cancelled at once if its parent is
    // cancelled. Throws std::bad_alloc, as all functions that derive a context. If there is a deadline, they
    // also throw as go does.
    static context with_cancel(context parent) { return derive(parent, detail::never, nullptr); }
    // Returns the same as with_cancel, under Go's name: any context can be given a cause, see cancel.
    static context with_cancel_cause(context parent) { return with_cancel(std::move(parent)); }
    // Go's WithoutCancel. Returns a context that has only the values of its parent. As the background, it is
    // never cancelled, has no deadline, and its done() is null.
    static context without_cancel(context parent);
    // Return a context that is cancelled at its deadline, or at the parent's deadline if that is earlier. A
    // time of another clock is converted once.
    template <class Rep, class Period>
    static context with_timeout(context parent, std::chrono::duration<Rep, Period> const& d) {
        return derive(parent, detail::deadline_after(d), nullptr);
    }
    template <class Clock, class Duration>
    static context with_deadline(context parent, std::chrono::time_point<Clock, Duration> const& when) {
        return derive(parent, detail::deadline_at(when), nullptr);
    }
    // Returns a context with a value. value<T>() finds the value in this context and all contexts derived
    // from it, unless a nearer value has the same type.
    template <class T>
    static context with_value(context parent, T value) {
        static_assert(std::is_same_v<T, std::remove_cvref_t<T>>);
        return derive(parent, detail::never, std::make_unique<detail::context_value_of<T>>(std::move(value)));
    }
    // Returns a context that is cancelled when a stop is requested. stop_token() is the opposite.
    static context with_stop_token(context parent, std::stop_token);

    // Returns the nearest value of this type, or null. The value lives until the context that carries it is
    // destroyed. T is the same type in all shared libraries, whatever their visibility. Without RTTI, T must
    // have default visibility. A type of an unnamed namespace is a different type in each file.
    template <class T>
    [[nodiscard]] T const* value() const noexcept {
        return static_cast<T const*>(find(detail::context_key::of<T>()));
    }

    // Cancels this context and all contexts that are derived from it. When it returns, each of them has
    // an error and a closed done() channel. Waits if another fiber or OS thread is cancelling some of
    // them. After that, the first cancel of this context requests the stops of their tokens: the stop
    // callbacks run in the caller. If a deadline cancels, they run in a new fiber, and delay no other
    // deadline, timer or ticker.
    void cancel() const noexcept;
    // Cancels with a cause, which cause() returns. A null cause is as none.
    void cancel(std::exception_ptr cause) const noexcept;

    [[nodiscard]] bool cancelled() const noexcept;
    // Returns errc::operation_canceled, or errc::timed_out if a deadline has cancelled this context or its
    // ancestor. Returns zero if the context is not cancelled. The error is set before done() is closed.
    [[nodiscard]] std::error_code error() const noexcept;
    // Go's Cause. Returns the cause of the cancel() that has cancelled this context or its ancestor, or a
    // std::system_error with error() if there was no cause. Returns null if the context is not cancelled.
    // Throws std::bad_alloc.
    [[nodiscard]] std::exception_ptr cause() const;
    // Returns a channel that the cancel closes; no value is ever sent. The background's is null.
    [[nodiscard]] receiver<bool> done() const noexcept;
    // Returns a token that is stopped after this context and all contexts derived from it are cancelled.
    // The token does not keep the context. If the context is destroyed first, the token is stopped with
    // the nearest living ancestor, which keeps about 100 bytes for it. But a context with an earlier
    // deadline than its parent is kept until its deadline. Throws std::bad_alloc.
    [[nodiscard]] std::stop_token stop_token() const;
    // The result of after_func. A call of it unregisters the function. Copies refer to the same function. It
    // keeps the context.
    class registration;

    // Go's context.AfterFunc. Calls f() in a new fiber once this context is cancelled, or at once if it
    // is. The cancel does not wait for f. An exception that leaves f ends the program, as in go. The
    // caller may ignore the result: if the context is destroyed first, the cancel of the nearest ancestor
    // calls f, as for tokens. Throws std::bad_alloc, and what moving f throws.
    template <class F>
    requires std::is_invocable_v<std::decay_t<F>> registration after_func(F&& f)
    const;

    // Returns the earliest deadline of this context and its ancestors, or nullopt.
    [[nodiscard]] std::optional<time_point> deadline() const noexcept;

    // Returns true if both refer to the same node.
    friend bool operator==(context const&, context const&) noexcept = default;

private:
    explicit context(detail::channel_ptr node) noexcept : node_(std::move(node)) {}
    static context derive(context const& parent, detail::deadline, std::unique_ptr<detail::context_value>);
    [[nodiscard]] registration call_after(std::unique_ptr<detail::context_func>) const;
    [[nodiscard]] void const* find(detail::context_key const&) const noexcept;

    detail::channel_ptr node_; // the done() channel, with the node as its attachment; null for the background
};

class context::registration {
public:
    // Unregisters the function. Returns true if the function will not be called, and has been destroyed.
    // Returns false if the context is cancelled (the function has been called, or will be), or if the
    // function was unregistered before.
    FIBER_API bool operator()() const noexcept;

private:
    friend class context;
    registration(detail::channel_ptr node, std::shared_ptr<detail::after_func_hook> hook) noexcept
        : node_(std::move(node)), hook_(std::move(hook)) {}

    detail::channel_ptr node_;
    std::shared_ptr<detail::after_func_hook> hook_; // null if f was called at once
};

template <class F>
requires std::is_invocable_v<std::decay_t<F>> context::registration context::after_func(F&& f)
const { return call_after(std::make_unique<detail::context_func_of<std::decay_t<F>>>(std::forward<F>(f))); }

} // namespace fiber
