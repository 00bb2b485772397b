// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// context.hpp: Go's context.Context: that somebody no longer wants an answer, told to all who work on it.
//
//   auto ctx = fiber::context::with_timeout(parent, 2s);
//   fiber::select(fiber::on_recv(replies, use), fiber::on_recv(ctx.done(), [&](auto) { give_up(ctx.error()); }));
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

// How the type of a value is recognised. By its type_info: the address of a variable is another one in a
// shared library, if the type is hidden there. Without RTTI by the address alone.
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
    FIBER_API static constexpr char address_of = 0; // not more visible than T
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

// What after_func calls, and what takes it back.
struct FIBER_API context_func {
    context_func() noexcept = default;
    virtual ~context_func();
    context_func(context_func const&) = delete;
    context_func& operator=(context_func const&) = delete;
    virtual void run() = 0; // in a fiber of its own
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

// A handle, cheap to copy, for one node of a tree: cancelling a context cancels all that are derived from it, at
// once and for good. Thread-safe as a chan is. Functions take it as their first parameter, and derive from it
// what they pass on. One that has been moved from is the background.
//
// A context is there as long as one of its handles, of those derived from it, or of its done() channels. What
// nobody can look at any more leaves its parent, and its deadline no longer counts. Deriving and destroying a
// million of them in one chain takes no deep stack.
class FIBER_API context {
public:
    using time_point = std::chrono::steady_clock::time_point;

    // The root of all trees: never cancelled; cancel() does nothing.
    static context background() noexcept { return context(detail::channel_ptr()); }

    // One that can be cancelled by itself; derived from one that is cancelled, it is so at once. As the
    // others that derive, throws std::bad_alloc; with a deadline, also as go does.
    static context with_cancel(context parent) { return derive(parent, detail::never, nullptr); }
    // The same: any context can be given a cause, see cancel. Go's name for it.
    static context with_cancel_cause(context parent) { return with_cancel(std::move(parent)); }
    // Go's WithoutCancel: has the parent's values, and nothing else of it. Like the background it is never
    // cancelled, has no deadline, and its done() is null.
    static context without_cancel(context parent);
    // Cancelled by itself at that time, if that is before the parent's deadline. A point of another clock is
    // converted once.
    template <class Rep, class Period>
    static context with_timeout(context parent, std::chrono::duration<Rep, Period> const& d) {
        return derive(parent, detail::deadline_after(d), nullptr);
    }
    template <class Clock, class Duration>
    static context with_deadline(context parent, std::chrono::time_point<Clock, Duration> const& when) {
        return derive(parent, detail::deadline_at(when), nullptr);
    }
    // Carries a value, which value<T>() finds in all that are derived from it, unless a nearer one has the same type.
    template <class T>
    static context with_value(context parent, T value) {
        static_assert(std::is_same_v<T, std::remove_cvref_t<T>>);
        return derive(parent, detail::never, std::make_unique<detail::context_value_of<T>>(std::move(value)));
    }
    // Cancelled when a stop is requested. The other way round: stop_token().
    static context with_stop_token(context parent, std::stop_token);

    // Null if there is none. Lives as long as the context that carries it. T is the same type in all shared
    // libraries, whatever their visibility; where they are compiled without RTTI, T must have default
    // visibility. One of an unnamed namespace is another in each file.
    template <class T>
    [[nodiscard]] T const* value() const noexcept {
        return static_cast<T const*>(find(detail::context_key::of<T>()));
    }

    // Cancels this context and all that are derived from it. When it returns, all of them have their error,
    // and a closed done() channel. If another party is cancelling some of them, it waits until that is done.
    // After that, if it was the first for this context, it requests the stops of their tokens, which calls
    // the callbacks here. If it is a deadline that cancels, they are called in a fiber of their own: what
    // they do delays no other deadline, timer or ticker.
    void cancel() const noexcept;
    // The same, and cause() returns this cause; null: as without one.
    void cancel(std::exception_ptr cause) const noexcept;

    [[nodiscard]] bool cancelled() const noexcept;
    // Why: errc::operation_canceled, or errc::timed_out if it was a deadline, its own or an ancestor's. Zero: it is not.
    // Set before done() is closed.
    [[nodiscard]] std::error_code error() const noexcept;
    // Go's Cause: what the first cancel() of this context or of the ancestor that has cancelled it was given;
    // without a cause a std::system_error with error(). Null: it is not cancelled. Throws std::bad_alloc.
    [[nodiscard]] std::exception_ptr cause() const;
    // Closed on cancellation; nothing is ever sent. The background's is null.
    [[nodiscard]] receiver<bool> done() const noexcept;
    // Stopped on cancellation, when all that are derived from it are cancelled. The token does not keep the
    // context. One whose context has gone is stopped with the nearest ancestor that is still there, which
    // keeps some 100 bytes for it until then. A context with a deadline before its parent's stays until then
    // once it has been asked. Throws std::bad_alloc.
    [[nodiscard]] std::stop_token stop_token() const;
    // What after_func returns: calling it takes the function back. Copies stand for the same function. It
    // keeps the context.
    class registration;

    // Go's context.AfterFunc: runs f() in a fiber of its own once this context is cancelled; at once if it
    // is. The canceller does not wait for it. An exception that leaves it ends the program, as in go. The
    // result may be dropped: if the context goes before it is cancelled, the nearest ancestor stands in for
    // it, as for tokens. Throws std::bad_alloc, and what moving f throws.
    template <class F>
    requires std::is_invocable_v<std::decay_t<F>> registration after_func(F&& f)
    const;

    // The earliest of its own and its ancestors'.
    [[nodiscard]] std::optional<time_point> deadline() const noexcept;

    // Whether both are the same node.
    friend bool operator==(context const&, context const&) noexcept = default;

private:
    explicit context(detail::channel_ptr node) noexcept : node_(std::move(node)) {}
    static context derive(context const& parent, detail::deadline, std::unique_ptr<detail::context_value>);
    [[nodiscard]] registration call_after(std::unique_ptr<detail::context_func>) const;
    [[nodiscard]] void const* find(detail::context_key const&) const noexcept;

    detail::channel_ptr node_; // its done() channel, whose attachment has the rest; null: the background
};

class context::registration {
public:
    // Returns true if the function will not be called, and has been destroyed. Returns false if the context is
    // cancelled (the function has been called, or is about to be), or if it had been taken back before.
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
