// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_group.hpp: Go's sync.WaitGroup.
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

// wait_group is Go's sync.WaitGroup: a counter, and waiting until it is zero. Constant-initialised; all
// members may be called from any fiber or OS thread at any time. Usable again and again, by Go's rule: an
// add() that starts a new round comes after all waits for the last one have returned. It may be destroyed as
// soon as a wait() has returned, even while the last done() has not. Destroying one that is waited on aborts.
class FIBER_API wait_group {
public:
    constexpr wait_group() noexcept = default;
    ~wait_group() {
        if (counter_.waited_for()) [[unlikely]]
            report_destroyed_in_use();
    }
    wait_group(wait_group const&) = delete;
    wait_group& operator=(wait_group const&) = delete;

    // Adds n, which may be negative, to the counter, and wakes all that wait if that makes it zero. Never
    // blocks. Throws std::logic_error if that would make the counter negative, and leaves it as it was.
    void add(std::ptrdiff_t n = 1) {
        if (n < -counter_.limit || n > counter_.limit || !counter_.add(n)) [[unlikely]]
            throw_negative();
    }

    // add(-1).
    void done() { add(-1); }

    // Blocks until the counter is zero.
    void wait() noexcept {
        if (!counter_.is_zero())
            static_cast<void>(wait_slow(detail::never));
    }

    // The same, but a stop request ends it. False: it was stopped, and the counter was not zero yet.
    bool wait(std::stop_token const& stop) noexcept {
        return detail::unless_stopped(
            stop, [this] { return counter_.is_zero(); },
            [this](detail::deadline_or_stop until) { return counter_.is_zero() || wait_slow(until); });
    }

    // As wait(), but not for longer than the duration. False: it was not zero until then.
    template <class Rep, class Period>
    bool wait_for(std::chrono::duration<Rep, Period> const& duration) {
        return counter_.is_zero() ||
               (detail::has_length(duration) && wait_slow(detail::deadline_after(duration)));
    }

    // add(), and a new fiber that runs f(args...), destroys them and calls done(). Throws as fiber::go does,
    // and then the counter is as it was. An exception that leaves f terminates the program, as in fiber::go.
    template <class F, class... Args>
    void go(F&& f, Args&&... args) {
        static_assert(
            std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>,
            "fiber: the callable must be invocable with decayed copies of its arguments, as for std::thread");
        fiber::start_closure<detail::closure_before<member, std::decay_t<F>, std::decay_t<Args>...>>(
            *this, std::forward<F>(f), std::forward<Args>(args)...);
    }

private:
    // One count, from add() to done().
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
