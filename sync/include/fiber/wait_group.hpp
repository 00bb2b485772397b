// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_group.hpp: wait_group, Go's sync.WaitGroup.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/countdown.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/deadline_or_stop.hpp>
#include <fiber/go.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace fiber {

// wait_group is Go's sync.WaitGroup: a counter and a wait until it is zero. Constant-initialised;
// all members may be called from any fiber or OS thread at any time. It may be used again, by Go's
// rule: an add() that starts a new round must come after all waits of the previous round have
// returned. It may be destroyed once a wait() has returned, even if the last done() has not.
// Destroying a wait_group that is waited for aborts.
class FIBER_API wait_group {
public:
    constexpr wait_group() noexcept = default;
    ~wait_group() {
        if (counter_.waited_for()) [[unlikely]]
            report_destroyed_in_use();
    }
    wait_group(wait_group const&) = delete;
    wait_group& operator=(wait_group const&) = delete;

    // Adds n, which may be negative, to the counter, and wakes all waiters if the counter becomes
    // zero. Never blocks. Throws std::logic_error, and leaves the counter unchanged, if it would
    // become negative.
    void add(std::ptrdiff_t n = 1) {
        if (n < -counter_.limit || n > counter_.limit || !counter_.add(n)) [[unlikely]]
            throw_negative();
    }

    // Calls add(-1).
    void done() { add(-1); }

    // Blocks until the counter is zero.
    void wait() noexcept {
        if (!counter_.is_zero())
            static_cast<void>(wait_slow(detail::never));
    }

    // Blocks until the counter is zero or a stop is requested. Returns false if the stop came first.
    bool wait(std::stop_token const& stop) noexcept {
        return detail::unless_stopped(
            stop, [this] { return counter_.is_zero(); },
            [this](detail::deadline_or_stop until) { return counter_.is_zero() || wait_slow(until); });
    }

    // Blocks until the counter is zero, at most for the duration. Returns false if the time was
    // over first.
    template <class Rep, class Period>
    bool wait_for(std::chrono::duration<Rep, Period> const& duration) {
        return counter_.is_zero() ||
               (detail::has_length(duration) && wait_slow(detail::deadline_after(duration)));
    }

    // Calls add() and starts a fiber. The fiber runs f(args...), destroys f and args, and calls
    // done(). Throws what fiber::go throws, and then leaves the counter unchanged. An exception
    // that leaves f terminates the program, as in fiber::go.
    template <class F, class... Args>
    void go(F&& f, Args&&... args) {
        static_assert(
            std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>,
            "fiber: the callable must be invocable with decayed copies of its arguments, as for std::thread");
        fiber::start_closure<detail::closure_before<member, std::decay_t<F>, std::decay_t<Args>...>>(
            *this, std::forward<F>(f), std::forward<Args>(args)...);
    }

private:
    // One unit of the counter, from add() to done().
    class member {
    public:
        explicit member(wait_group& group) : group_(group) { group.add(); }
        member(member const&) = delete;
        member& operator=(member const&) = delete;
        ~member() { group_.done(); }
        template <class F, class... Args>
        void run(F&& f, Args&&... args) {
            static_cast<void>(std::invoke(std::forward<F>(f), std::forward<Args>(args)...));
        }

    private:
        wait_group& group_;
    };

    [[noreturn]] static void throw_negative();
    bool wait_slow(detail::deadline_or_stop until) noexcept;
    void report_destroyed_in_use() const noexcept;

    detail::countdown counter_{0};
};

} // namespace fiber
