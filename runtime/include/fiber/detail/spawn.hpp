// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// spawn.hpp makes a runnable fiber of a callable and its arguments. Templates make the closure;
// compiled code of the library does the rest.
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

// Options for the start of a fiber. Every member may be left out.
struct attributes {
    std::string_view name{}; // shown in dumps and error messages; copied
    // Bytes of address space of the stack, rounded up to a power of two. 0 means the runtime's
    // default; for thread, jthread and async, 0 means the size of a thread's stack.
    std::size_t stack_size = 0;
};

namespace detail {

template <class F, class... Types>
inline constexpr bool is_one_of = (std::is_same_v<std::remove_cvref_t<F>, Types> || ...);

// Runs the closure that `storage` holds, and destroys it, also when it throws.
using closure_entry = void (*)(void* storage);

// The fiber's record holds a closure of up to this size in bytes. A larger closure is allocated.
inline constexpr std::size_t inline_closure_size = 40;
inline constexpr std::size_t inline_closure_alignment = alignof(void*);

// A fiber that is not started yet. The destructor gives all its resources back unless start() has
// been called.
class spawn {
public:
    // Makes a fiber in the given runtime. Null means the caller's runtime, or the global one if the
    // caller is an OS thread.
    FIBER_API explicit spawn(rt::scheduler* where, attributes const& how = {});
    // Makes a fiber in the caller's runtime, or in the global one if the caller is an OS thread.
    // Unless the attributes give a stack size, the stack is as large as a thread's.
    struct like_a_thread {};
    FIBER_API spawn(like_a_thread, attributes const& how);
    ~spawn() {
        if (fiber_ != nullptr)
            abandon(*fiber_, storage_);
    }
    spawn(spawn const&) = delete;
    spawn& operator=(spawn const&) = delete;

    [[nodiscard]] void* storage() const noexcept { return storage_; }
    // Makes the fiber runnable. The caller must then call exactly one of join and detach, as the
    // owner of a handle. Records the address that it is called from, for messages. Therefore all
    // functions between it and the user's code are inlined into the user's code.
    [[gnu::always_inline]] rt::fiber* start(closure_entry entry) noexcept {
        return start(*std::exchange(fiber_, nullptr), entry, storage_);
    }

private:
    FIBER_API static rt::fiber* start(rt::fiber&, closure_entry, void* storage) noexcept;
    FIBER_API static void abandon(rt::fiber&, void* storage) noexcept;

    rt::fiber* fiber_;
    // In the fiber's record; or in separate memory, together with the caller's floating-point
    // control modes.
    void* storage_ = nullptr;
};

// Both run the closure's call() once, and destroy the closure afterwards. run_in_place finds the
// closure in `storage`, run_boxed finds a pointer to it there.
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

// A closure that also holds a `Last`, which is destroyed after the callable and its arguments.
// `Last` may tell another fiber or thread of the end of the callable and its arguments: then that
// fiber or thread may destroy what they refer to.
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

// Starts a fiber that runs Closure(from...). Makes no other copies or moves. `where` is the first
// argument of spawn's constructor.
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
