// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// spawn.hpp: from a callable and its arguments to a runnable fiber. Templates make the closure; the library
// does the rest.
#pragma once

#include <fiber/detail/config.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace fiber {

namespace rt {
class fiber;
class scheduler;
} // namespace rt

// How a fiber is to be started; every member may be left out.
struct attributes {
    std::string_view name{}; // shown in dumps and error messages; copied
    // Bytes of address space, rounded up to a power of two. 0: the runtime's default; for thread, jthread and async what a
    // thread would have.
    std::size_t stack_size = 0;
};

namespace detail {

template <class F, class... Types>
inline constexpr bool is_one_of = (std::is_same_v<std::remove_cvref_t<F>, Types> || ...);

// Runs the closure at the given place, and destroys it, also when it throws.
using closure_entry = void (*)(void* storage);

// A closure of up to this size, in bytes, stands in the fiber's own record; larger ones are allocated.
inline constexpr std::size_t inline_closure_size = 40;
inline constexpr std::size_t inline_closure_alignment = alignof(void*);

// A fiber in the making: gives everything back unless it gets started.
class spawn {
public:
    // In the given runtime; null: the caller's, or the global one from an OS thread.
    FIBER_API explicit spawn(rt::scheduler* where, attributes const& how = {});
    // In the caller's, or the global one; with as large a stack as a thread has, unless they say how large.
    struct like_a_thread {};
    FIBER_API spawn(like_a_thread, attributes const& how);
    ~spawn() {
        if (fiber_ != nullptr)
            abandon(*fiber_, storage_);
    }
    spawn(spawn const&) = delete;
    spawn& operator=(spawn const&) = delete;

    [[nodiscard]] void* storage() const noexcept { return storage_; }
    // Makes it runnable. The handle's duties pass to the caller: exactly one of join and detach. Notes where it is called
    // from, for messages: hence those between it and the user's code are inlined into that.
    [[gnu::always_inline]] rt::fiber* start(closure_entry entry) noexcept {
        return start(*std::exchange(fiber_, nullptr), entry, storage_);
    }

private:
    FIBER_API static rt::fiber* start(rt::fiber&, closure_entry, void* storage) noexcept;
    FIBER_API static void abandon(rt::fiber&, void* storage) noexcept;

    rt::fiber* fiber_;
    void* storage_ =
        nullptr; // in the fiber's record; or beside it, with the caller's floating-point control modes
};

// A closure has call(), which is called once; it is destroyed afterwards.
template <class Closure>
void run_in_place(void* storage) {
    struct destroy {
        Closure* c;
        ~destroy() { c->~Closure(); }
    } const mine{std::launder(static_cast<Closure*>(storage))};
    mine.c->call();
}
template <class Closure>
void run_boxed(void* storage) {
    std::unique_ptr<Closure> const mine(*std::launder(static_cast<Closure**>(storage)));
    mine->call();
}

template <class F, class... Args>
class closure {
public:
    template <class... From>
    explicit closure(From&&... from) : parts_(std::forward<From>(from)...) {}
    void call() {
        std::apply(
            [](F&& f, Args&&... args) { static_cast<void>(std::invoke(std::move(f), std::move(args)...)); },
            std::move(parts_));
    }

private:
    std::tuple<F, Args...> parts_;
};

// A closure that also holds `Last`, which is destroyed after the callable and its arguments. A fiber or thread that learns of
// their end by it may then take away what they refer to.
template <class Last, class F, class... Args>
class closure_before {
public:
    template <class FromLast, class... From>
    explicit closure_before(FromLast&& last, From&&... from)
        : last_(std::forward<FromLast>(last)), parts_(std::forward<From>(from)...) {}
    void call() {
        std::apply([this](F&& f, Args&&... args) { last_.run(std::move(f), std::move(args)...); },
                   std::move(parts_));
    }

private:
    Last last_;
    std::tuple<F, Args...> parts_;
};

// A fiber that runs Closure(from...). Nothing is copied or moved but that.
// Where: what the constructor of spawn takes.
template <class Closure, class Where, class... From>
[[gnu::always_inline]] inline rt::fiber* spawn_closure(Where where, attributes const& how, From&&... from) {
    spawn s(where, how);
    if constexpr (sizeof(Closure) <= inline_closure_size && alignof(Closure) <= inline_closure_alignment) {
        ::new (s.storage()) Closure(std::forward<From>(from)...);
        return s.start(&detail::run_in_place<Closure>);
    } else {
        ::new (s.storage()) Closure*(new Closure(std::forward<From>(from)...));
        return s.start(&detail::run_boxed<Closure>);
    }
}

template <class Where, class F, class... Args>
[[gnu::always_inline]] inline rt::fiber* spawn_fiber(Where where, attributes const& how, F&& f,
                                                     Args&&... args) {
    using made = closure<std::decay_t<F>, std::decay_t<Args>...>;
    static_assert(
        std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>,
        "fiber: the callable must be invocable with decayed copies of its arguments, as for std::thread");
    return detail::spawn_closure<made>(where, how, std::forward<F>(f), std::forward<Args>(args)...);
}

} // namespace detail
} // namespace fiber
