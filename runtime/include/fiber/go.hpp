// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/go.hpp> starts fibers and waits for their end: go and handle, thread, jthread, this_fiber,
// blocking, thread_pin.
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
namespace detail {
struct id_maker;
}

namespace this_fiber {
[[nodiscard]] FIBER_API fiber::id get_id() noexcept;
}

// Identifies a fiber, or an OS thread that has used the library, until the process ends. Ids are
// never reused. A default id belongs to no fiber and no thread. Mirrors std::thread::id.
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
    friend struct detail::id_maker;
    friend id this_fiber::get_id() noexcept;
    constexpr explicit id(std::uint64_t number) noexcept : number_(number) {}
    std::uint64_t number_ = 0;
};

[[nodiscard]] constexpr bool operator==(id a, id b) noexcept { return a.number_ == b.number_; }
[[nodiscard]] constexpr std::strong_ordering operator<=>(id a, id b) noexcept {
    return a.number_ <=> b.number_;
}

// Owns the right to join one fiber; go returns it. Move-only. Not thread-safe: one fiber or thread
// may use a handle at a time.
class handle {
public:
    handle() noexcept = default;
    handle(handle&& other) noexcept : fiber_(std::exchange(other.fiber_, nullptr)) {}
    // Detaches the fiber that *this held, then takes the other handle's.
    handle& operator=(handle&& other) noexcept {
        handle(std::move(other)).swap(*this);
        return *this;
    }
    // Detaches the fiber, which runs on, as a goroutine does.
    ~handle() {
        if (fiber_ != nullptr)
            release();
    }
    void swap(handle& other) noexcept { std::swap(fiber_, other.fiber_); }
    friend void swap(handle& a, handle& b) noexcept { a.swap(b); }

    // Returns true if the handle holds a fiber: until join, detach, a successful join_for or
    // join_until, or a move from the handle.
    [[nodiscard]] bool joinable() const noexcept { return fiber_ != nullptr; }

    // Waits until the fiber has ended. All effects of the fiber happen before the return. Parks the
    // calling fiber, or blocks the calling OS thread. Throws std::system_error: invalid_argument if
    // the handle is not joinable, resource_deadlock_would_occur if the caller is the fiber itself.
    // Mirrors std::thread::join.
    FIBER_API void join();

    // Waits as join does, at most for d or until t. Returns true if the fiber has ended: then the
    // handle is not joinable any more. Returns false at the deadline. Throws as join does.
    template <class Rep, class Period>
    [[nodiscard]] bool join_for(std::chrono::duration<Rep, Period> const& d) {
        return join_if_ended() || (detail::has_length(d) && join_before(detail::deadline_after(d)));
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool join_until(std::chrono::time_point<Clock, Duration> const& t) {
        if (join_if_ended())
            return true;
        while (!detail::has_passed(t)) // checked after each wait, because Clock may have been set back
            if (join_before(detail::deadline_at(t)))
                return true;
        return false;
    }

    // Gives up the right to join; the fiber runs on. Throws std::system_error(invalid_argument) if
    // not joinable.
    FIBER_API void detach();

    // Returns the fiber's id, or the default id if the handle is not joinable.
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
    FIBER_API bool join_if_ended(); // returns false at once if the fiber has not ended
    FIBER_API bool join_before(detail::deadline);
    FIBER_API void release() noexcept;
    [[nodiscard]] bool joinable_here() const noexcept;
    [[noreturn]] void refuse(char const* operation) const;

    rt::fiber* fiber_ = nullptr;
};

// For the library. Starts a fiber as go does, in the given runtime. A null `where` means the
// caller's runtime.
template <class F, class... Args>
[[gnu::always_inline]] inline handle start_in(rt::scheduler* where, attributes const& how, F&& f,
                                              Args&&... args) {
    return handle(detail::spawn_fiber(where, how, std::forward<F>(f), std::forward<Args>(args)...));
}

// For the library. Starts a fiber that takes the place of a thread. Where the attributes give no
// stack size, the stack is as large as a thread's.
template <class F, class... Args>
[[gnu::always_inline]] inline handle start_like_thread(attributes const& how, F&& f, Args&&... args) {
    return handle(detail::spawn_fiber(detail::spawn::like_a_thread{}, how, std::forward<F>(f),
                                      std::forward<Args>(args)...));
}

// For the library. Starts a fiber of the caller's runtime that runs Closure(from...).
template <class Closure, class... From>
[[gnu::always_inline]] inline handle start_closure(From&&... from) {
    return handle(detail::spawn_closure<Closure>(static_cast<rt::scheduler*>(nullptr), attributes{},
                                                 std::forward<From>(from)...));
}

// Runs f(args...) in a new fiber: Go's go statement. f and args are decay-copied, as std::thread
// does. Does not block. May be called from any fiber or thread.
// A fiber starts the new fiber on its own runtime. An OS thread starts it on the global runtime,
// which the first call starts. The new fiber begins with the caller's floating-point control modes,
// as a thread does, and with errno 0.
// An exception that leaves f ends the program by std::terminate, after a line on stderr.
// Throws std::system_error(resource_unavailable_try_again) if no stack or thread can be had, and
// std::invalid_argument for a stack size out of range. If go throws, no fiber has consumed f.
template <class F, class... Args>
requires(!std::same_as<std::remove_cvref_t<F>, attributes>) [[gnu::always_inline]] inline handle
    go(F&& f, Args&&... args) {
    return fiber::start_in(nullptr, attributes{}, std::forward<F>(f), std::forward<Args>(args)...);
}
template <class F, class... Args>
[[gnu::always_inline]] inline handle go(attributes how, F&& f, Args&&... args) {
    return fiber::start_in(nullptr, how, std::forward<F>(f), std::forward<Args>(args)...);
}

// Mirrors std::thread, with a fiber instead of an OS thread: the same members and the same errors.
// Calls std::terminate if it is destroyed or assigned to while it is joinable. Attributes may come
// first, braced too: thread({.name = "reader"}, f).
// Code that runs in a thread was written for a thread's stack. Where the attributes give no
// stack_size, the fiber gets the size that FIBER_STACK_SIZE gives. Without FIBER_STACK_SIZE it gets
// what a std::thread would get (RLIMIT_STACK, usually 8 MiB). It gets at least the runtime's
// default.
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

    // Returns how many fibers can run at once: the number of processors of the caller's runtime.
    // For an OS thread, that is the global runtime.
    [[nodiscard]] FIBER_API static unsigned hardware_concurrency() noexcept;

private:
    handle handle_;
};

// Mirrors std::jthread, with a fiber instead of an OS thread. Requests a stop and joins when it is
// destroyed or assigned to. Takes attributes and chooses the stack size as thread does.
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

// Functions on the caller, which is a fiber or an OS thread. Mirrors std::this_thread.
namespace this_fiber {

// Puts the calling fiber at the back of its processor's run queue and runs another fiber. In an OS
// thread, yields the CPU.
FIBER_API void yield() noexcept;

// Park the fiber, or block the OS thread, for at least d or until t. Return at once if d is not
// positive or t has passed.
FIBER_API void sleep_until_deadline(detail::deadline) noexcept; // callers have checked that it has not passed
template <class Rep, class Period>
void sleep_for(std::chrono::duration<Rep, Period> const& d) {
    if (d > d.zero())
        sleep_until_deadline(detail::deadline_after(d));
}
template <class Clock, class Duration>
void sleep_until(std::chrono::time_point<Clock, Duration> const& t) {
    while (!detail::has_passed(t)) // checked after each wait, because Clock may have been set back
        sleep_until_deadline(detail::deadline_at(t));
}

// Returns the name that the fiber's attributes gave it. Returns an empty name for a fiber without
// one, and for an OS thread. The result is valid while the fiber lives.
[[nodiscard]] FIBER_API std::string_view name() noexcept;

// Returns how many bytes the stack has left below the caller's frame.
[[nodiscard]] FIBER_API std::size_t stack_remaining() noexcept;

} // namespace this_fiber
namespace this_thread = this_fiber;

// Returns true in a fiber, false in an OS thread.
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

// Runs f() on the calling fiber and returns its result, for an f that blocks or computes for long.
// Gives the processor to another OS thread before the call. blocking is optional: a fiber that
// blocks loses its processor within 20 µs to 10 ms anyway, if other fibers wait for it. In an OS
// thread, only calls f().
template <class F>
decltype(auto) blocking(F&& f) {
    detail::blocking_region const region;
    return std::invoke(std::forward<F>(f));
}

// Keeps the calling fiber on its OS thread, and other fibers off that thread, while the pin lives:
// Go's LockOSThread. For libraries that depend on the thread they are called from. Waking a pinned
// fiber costs the wake-up of an OS thread. Pins may be nested, and may end in any order. The fiber
// that made a pin must destroy it. In an OS thread, a pin does nothing. The constructor throws
// std::system_error if no OS thread can be had for the other fibers.
//
// A fiber needs a pin to change a property of its OS thread: namespaces, credentials, CPU affinity,
// priority, signal mask. It must restore the property before the pin ends, or call discard(). New
// OS threads do not inherit the change.
class thread_pin {
public:
    FIBER_API thread_pin();
    FIBER_API ~thread_pin();
    thread_pin(thread_pin const&) = delete;
    thread_pin& operator=(thread_pin const&) = delete;

    // Ends the OS thread when the last of the nested pins ends, so that no other fiber runs on it.
    // Mirrors a goroutine that ends without UnlockOSThread. The fiber goes on in another OS thread,
    // and the pin's destructor may wait for one. The fiber that made the pin must call discard. In
    // an OS thread, discard does nothing.
    FIBER_API void discard() noexcept;

private:
    rt::fiber* of_ = nullptr; // the pinned fiber; null if an OS thread made the pin
};

} // namespace fiber

template <>
struct std::hash<fiber::id> {
    std::size_t operator()(fiber::id i) const noexcept { return std::hash<std::uint64_t>{}(i.number_); }
};
