// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/go.hpp>: starting fibers and waiting for them to end: go and its handle, thread and jthread,
// this_fiber.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/spawn.hpp>
#include <fiber/stop_token.hpp>

#include <chrono>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string_view>
#include <type_traits>
#include <utility>

namespace fiber {

class handle;
class thread;
class id;

namespace this_fiber {
[[nodiscard]] FIBER_API fiber::id get_id() noexcept;
}

// Names a fiber, or an OS thread that has used the library, for as long as the process runs; numbers are not
// reused. Default: nobody. Mirrors std::thread::id.
class id {
public:
    constexpr id() noexcept = default;
    friend constexpr bool operator==(id a, id b) noexcept;
    friend constexpr std::strong_ordering operator<=>(id a, id b) noexcept;

    template <class Char, class Traits>
    friend std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& out, id i) {
        return out << i.number_;
    }

private:
    friend struct std::hash<id>;
    friend class handle;
    friend id this_fiber::get_id() noexcept;
    constexpr explicit id(std::uint64_t number) noexcept : number_(number) {}
    std::uint64_t number_ = 0;
};

[[nodiscard]] constexpr bool operator==(id a, id b) noexcept { return a.number_ == b.number_; }
[[nodiscard]] constexpr std::strong_ordering operator<=>(id a, id b) noexcept {
    return a.number_ <=> b.number_;
}

// What go returns: one fiber, to be joined or left alone. Move-only. One owner at a time may use it.
class handle {
public:
    handle() noexcept = default;
    handle(handle&& other) noexcept : fiber_(std::exchange(other.fiber_, nullptr)) {}
    // Detaches the fiber held before.
    handle& operator=(handle&& other) noexcept {
        handle(std::move(other)).swap(*this);
        return *this;
    }
    // Detaches: the fiber runs on, as a goroutine does.
    ~handle() {
        if (fiber_ != nullptr)
            release();
    }
    void swap(handle& other) noexcept { std::swap(fiber_, other.fiber_); }
    friend void swap(handle& a, handle& b) noexcept { a.swap(b); }

    // True until join, detach, a join_for that returned true, or a move from it.
    [[nodiscard]] bool joinable() const noexcept { return fiber_ != nullptr; }

    // Waits until the fiber has ended; what it did happens before the return. Parks a fiber, blocks an OS
    // thread. Throws std::system_error: invalid_argument if not joinable, resource_deadlock_would_occur from
    // the fiber itself.
    FIBER_API void join();

    // The same, for at most so long. True: it has ended, and the handle is no longer joinable.
    template <class Rep, class Period>
    [[nodiscard]] bool join_for(std::chrono::duration<Rep, Period> const& d) {
        return join_if_ended() || (detail::has_length(d) && join_before(detail::deadline_after(d)));
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool join_until(std::chrono::time_point<Clock, Duration> const& t) {
        if (join_if_ended())
            return true;
        while (!detail::has_passed(t)) // again after a wait: the clock may have been set back meanwhile
            if (join_before(detail::deadline_at(t)))
                return true;
        return false;
    }

    // Lets go of the fiber, which runs on. Throws std::system_error(invalid_argument) if not joinable.
    FIBER_API void detach();

    // The fiber's id; the default one if not joinable.
    [[nodiscard]] FIBER_API fiber::id get_id() const noexcept;

private:
    friend class thread;
    template <class F, class... Args>
    friend handle start_in(rt::scheduler*, attributes const&, F&&, Args&&...);
    template <class F, class... Args>
    friend handle start_like_thread(attributes const&, F&&, Args&&...);
    template <class Closure, class... From>
    friend handle start_closure(From&&...);

    explicit handle(rt::fiber* started) noexcept : fiber_(started) {}
    FIBER_API bool join_if_ended(); // never waits for a fiber that has not ended
    FIBER_API bool join_before(detail::deadline);
    FIBER_API void release() noexcept;
    [[nodiscard]] bool joinable_here() const noexcept;
    [[noreturn]] void refuse(char const* operation) const;

    rt::fiber* fiber_ = nullptr;
};

// For the library: go in a given runtime; null means the caller's own.
template <class F, class... Args>
[[gnu::always_inline]] inline handle start_in(rt::scheduler* where, attributes const& how, F&& f,
                                              Args&&... args) {
    return handle(detail::spawn_fiber(where, how, std::forward<F>(f), std::forward<Args>(args)...));
}

// For the library: what takes the place of a thread, with a stack of the same size if the attributes do not say one.
template <class F, class... Args>
[[gnu::always_inline]] inline handle start_like_thread(attributes const& how, F&& f, Args&&... args) {
    return handle(detail::spawn_fiber(detail::spawn::like_a_thread{}, how, std::forward<F>(f),
                                      std::forward<Args>(args)...));
}

// For the library: a fiber of the caller's runtime that runs Closure(from...).
template <class Closure, class... From>
[[gnu::always_inline]] inline handle start_closure(From&&... from) {
    return handle(detail::spawn_closure<Closure>(static_cast<rt::scheduler*>(nullptr), attributes{},
                                                 std::forward<From>(from)...));
}

// Runs f(args...), decay-copied as by std::thread, in a new fiber: Go's go statement. In a fiber, on its own
// runtime; in an OS thread, on the global one, which the first call starts. Does not block. The new fiber begins
// with the caller's floating-point control modes, as a thread does, and without its errno. An exception that
// leaves f ends the program by std::terminate, after a line on stderr. Throws
// std::system_error(resource_unavailable_try_again) when no stack or thread can be had, std::invalid_argument
// for a stack size out of range; then f has not been consumed by a fiber.
template <class F, class... Args>
requires(!std::same_as<std::remove_cvref_t<F>, attributes>) [[gnu::always_inline]] inline handle
    go(F&& f, Args&&... args) {
    return fiber::start_in(nullptr, attributes{}, std::forward<F>(f), std::forward<Args>(args)...);
}
template <class F, class... Args>
[[gnu::always_inline]] inline handle go(attributes how, F&& f, Args&&... args) {
    return fiber::start_in(nullptr, how, std::forward<F>(f), std::forward<Args>(args)...);
}

// std::thread, over a fiber: same members, same errors; std::terminate if destroyed or assigned to while
// joinable. Attributes may come first, braced too: thread({.name = "reader"}, f). Code behind a thread was written for a
// thread's stack; where the attributes say no stack_size, the fiber has as much address space: FIBER_STACK_SIZE, else what
// std::thread would get (RLIMIT_STACK, 8 MiB as a rule); and at least the runtime's default.
class thread {
public:
    using id = fiber::id;
    using native_handle_type = rt::fiber*; // for debuggers

    thread() noexcept = default;
    template <class F, class... Args>
    requires(!detail::is_one_of<F, thread, attributes>)
        [[gnu::always_inline]] explicit thread(F&& f, Args&&... args)
        : handle_(fiber::start_like_thread(attributes{}, std::forward<F>(f), std::forward<Args>(args)...)) {}
    template <class F, class... Args>
    [[gnu::always_inline]] explicit thread(attributes how, F&& f, Args&&... args)
        : handle_(fiber::start_like_thread(how, std::forward<F>(f), std::forward<Args>(args)...)) {}
    thread(thread&&) noexcept = default;
    thread& operator=(thread&& other) noexcept {
        if (joinable())
            std::terminate();
        handle_ = std::move(other.handle_);
        return *this;
    }
    ~thread() {
        if (joinable())
            std::terminate();
    }

    void swap(thread& other) noexcept { handle_.swap(other.handle_); }
    friend void swap(thread& a, thread& b) noexcept { a.swap(b); }
    [[nodiscard]] bool joinable() const noexcept { return handle_.joinable(); }
    void join() { handle_.join(); }
    void detach() { handle_.detach(); }
    [[nodiscard]] id get_id() const noexcept { return handle_.get_id(); }
    [[nodiscard]] native_handle_type native_handle() noexcept { return handle_.fiber_; }

    // How many fibers can run at once: the processors of the caller's runtime.
    [[nodiscard]] FIBER_API static unsigned hardware_concurrency() noexcept;

private:
    handle handle_;
};

// std::jthread, over a fiber: requests stop and joins when destroyed or assigned to. Attributes and stack as of thread.
class jthread {
public:
    using id = thread::id;
    using native_handle_type = thread::native_handle_type;

    jthread() noexcept : stop_(nostopstate) {}
    template <class F, class... Args>
    requires(!detail::is_one_of<F, jthread, attributes>)
        [[gnu::always_inline]] explicit jthread(F&& f, Args&&... args)
        : thread_(start(attributes{}, stop_, std::forward<F>(f), std::forward<Args>(args)...)) {}
    template <class F, class... Args>
    [[gnu::always_inline]] explicit jthread(attributes how, F&& f, Args&&... args)
        : thread_(start(how, stop_, std::forward<F>(f), std::forward<Args>(args)...)) {}
    jthread(jthread&&) noexcept = default;
    jthread& operator=(jthread&& other) noexcept {
        jthread(std::move(other)).swap(*this);
        return *this;
    }
    ~jthread() {
        if (joinable()) {
            request_stop();
            join();
        }
    }

    void swap(jthread& other) noexcept {
        stop_.swap(other.stop_);
        thread_.swap(other.thread_);
    }
    friend void swap(jthread& a, jthread& b) noexcept { a.swap(b); }
    [[nodiscard]] bool joinable() const noexcept { return thread_.joinable(); }
    void join() { thread_.join(); }
    void detach() { thread_.detach(); }
    [[nodiscard]] id get_id() const noexcept { return thread_.get_id(); }
    [[nodiscard]] native_handle_type native_handle() noexcept { return thread_.native_handle(); }
    [[nodiscard]] static unsigned hardware_concurrency() noexcept { return thread::hardware_concurrency(); }

    [[nodiscard]] stop_source get_stop_source() noexcept { return stop_; }
    [[nodiscard]] std::stop_token get_stop_token() const noexcept { return stop_.get_token(); }
    bool request_stop() noexcept { return stop_.request_stop(); }

private:
    template <class F, class... Args>
    [[gnu::always_inline]] static thread start(attributes const& how, stop_source const& stop, F&& f,
                                               Args&&... args) {
        if constexpr (std::is_invocable_v<std::decay_t<F>, std::stop_token, std::decay_t<Args>...>)
            return thread(how, std::forward<F>(f), stop.get_token(), std::forward<Args>(args)...);
        else
            return thread(how, std::forward<F>(f), std::forward<Args>(args)...);
    }
    stop_source stop_;
    thread thread_;
};

// The caller, be it a fiber or an OS thread. Mirrors std::this_thread.
namespace this_fiber {

// To the back of the processor's run queue; an OS thread yields its CPU.
FIBER_API void yield() noexcept;

// Parks the fiber, or blocks the OS thread, for at least so long, or until then.
FIBER_API void sleep_until_deadline(detail::deadline) noexcept; // not past: whether it is, the callers know
template <class Rep, class Period>
void sleep_for(std::chrono::duration<Rep, Period> const& d) {
    if (d > d.zero())
        sleep_until_deadline(detail::deadline_after(d));
}
template <class Clock, class Duration>
void sleep_until(std::chrono::time_point<Clock, Duration> const& t) {
    while (!detail::has_passed(t)) // a clock other than the steady one may be set back meanwhile
        sleep_until_deadline(detail::deadline_at(t));
}

// As given in attributes; empty for others, and for OS threads. Valid while the fiber lives.
[[nodiscard]] FIBER_API std::string_view name() noexcept;

// Bytes below the caller's frame before the stack overflows.
[[nodiscard]] FIBER_API std::size_t stack_remaining() noexcept;

} // namespace this_fiber
namespace this_thread = this_fiber;

// Whether the caller is a fiber rather than an OS thread.
[[nodiscard]] FIBER_API bool running_in_fiber() noexcept;

namespace detail {
class blocking_region {
public:
    FIBER_API blocking_region() noexcept;
    FIBER_API ~blocking_region();
    blocking_region(blocking_region const&) = delete;
    blocking_region& operator=(blocking_region const&) = delete;
};
} // namespace detail

// Runs f, which is going to block or compute for long, here, and returns what it returns; the processor goes to
// another OS thread at once. Nothing needs this: a fiber that just blocks loses its processor too, within 20 µs
// to 10 ms, if others wait for it. In an OS thread: just f().
template <class F>
decltype(auto) blocking(F&& f) {
    detail::blocking_region const region;
    return std::invoke(std::forward<F>(f));
}

// While it lives, the calling fiber stays on its OS thread, and no other fiber runs there: Go's LockOSThread, for
// libraries that care about the thread they are called from. Waking such a fiber takes an OS thread's wake-up. May
// be nested, in any order; must be destroyed by the fiber that made it. In an OS thread: nothing. Throws std::system_error if
// there can be no OS thread for the other fibers.
// A fiber that changes what belongs to its OS thread (namespaces, credentials, CPU affinity, priority, signal mask) does so
// under a pin, and undoes it before the pin ends, or calls discard(). New OS threads do not inherit it.
class thread_pin {
public:
    FIBER_API thread_pin();
    FIBER_API ~thread_pin();
    thread_pin(thread_pin const&) = delete;
    thread_pin& operator=(thread_pin const&) = delete;

    // The OS thread ends when the pin does, instead of running other fibers: Go's goroutine that ends without UnlockOSThread.
    // The fiber goes on in another OS thread, so the destructor of the pin may wait for one. Of nested pins, the last one that
    // ends. Called by the fiber that made the pin. In an OS thread: nothing.
    FIBER_API void discard() noexcept;

private:
    rt::fiber* of_ = nullptr; // null: made in an OS thread
};

} // namespace fiber

template <>
struct std::hash<fiber::id> {
    std::size_t operator()(fiber::id i) const noexcept { return std::hash<std::uint64_t>{}(i.number_); }
};
