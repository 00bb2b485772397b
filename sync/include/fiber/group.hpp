// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// group.hpp: Go's errgroup: fibers that belong together, and what comes of them.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/countdown.hpp>
#include <fiber/detail/try_catch.hpp>
#include <fiber/go.hpp>
#include <fiber/semaphore.hpp>
#include <fiber/stop_token.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

namespace fiber {

// group is Go's errgroup.Group: fibers that none outlives. The first one that throws asks the others to stop, and so
// does the parent's stop token; wait() rethrows what the first one threw. All members but set_limit and the destructor
// may be called from any fiber or OS thread at any time, also by the fibers of the group: those must not wait() for it.
class FIBER_API group {
public:
    group() : group(std::stop_token()) {}
    // Is asked to stop when the parent is.
    explicit group(std::stop_token parent);
    // request_stop, then waits for all. What they have thrown is lost, if nobody has called wait.
    ~group();
    group(group const&) = delete;
    group& operator=(group const&) = delete;

    // At most n fibers at once. Throws std::invalid_argument if n is 0, std::logic_error if any run.
    void set_limit(std::size_t n);

    // Runs f() or f(stop_token()) in a new fiber of the group; blocks while there are as many as the limit allows.
    // Throws as fiber::go does.
    template <class F>
    void go(F&& f) {
        if (limited_)
            permits_.acquire();
        start(std::forward<F>(f));
    }
    // The same, but never blocks. False: there was no room, and f is as it was.
    template <class F>
    [[nodiscard]] bool try_go(F&& f) {
        if (limited_ && !permits_.try_acquire())
            return false;
        start(std::forward<F>(f));
        return true;
    }

    // Blocks until all have ended. Throws what the first one that failed has thrown, if any has: to each party that waits,
    // and each time. A group that has failed stays so: what is started afterwards runs with its token stopped, and wait
    // throws the same. A group that has not may be used for round after round, and its token stays as it was.
    void wait();

    // Asks all to stop: those that look at their token.
    void request_stop() noexcept { stop_.request_stop(); }
    [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_.get_token(); }

private:
    // Has been taken from permits_, if there is a limit; given back unless it becomes a member's.
    struct permit {
        group* of;
        ~permit() {
            if (of != nullptr && of->limited_)
                of->permits_.release();
        }
    };

    // One fiber's place in the group.
    class member {
    public:
        explicit member(permit& taken) noexcept : group_(*std::exchange(taken.of, nullptr)) {
            static_cast<void>(group_.running_.add(1));
        }
        member(member const&) = delete;
        member& operator=(member const&) = delete;
        ~member() { group_.fiber_ended(); }
        template <class F>
        void run(F&& f) noexcept {
            auto const body = [&] {
                if constexpr (std::is_invocable_v<F, std::stop_token>)
                    static_cast<void>(std::invoke(std::forward<F>(f), group_.stop_token()));
                else
                    static_cast<void>(std::invoke(std::forward<F>(f)));
            };
            detail::try_catch(body, [&](std::exception_ptr error) { group_.fail(std::move(error)); });
        }

    private:
        group& group_;
    };

    template <class F>
    void start(F&& f) {
        static_assert(std::is_invocable_v<std::decay_t<F>, std::stop_token> ||
                          std::is_invocable_v<std::decay_t<F>>,
                      "fiber: a group runs what can be called with nothing, or with a std::stop_token");
        permit taken{this};
        fiber::start_closure<detail::closure_before<member, std::decay_t<F>>>(taken, std::forward<F>(f));
    }
    void fiber_ended() noexcept;
    void fail(std::exception_ptr error) noexcept;
    void wait_for_all() noexcept;

    struct stop_others {
        stop_source stop;
        void operator()() noexcept { stop.request_stop(); }
    };

    detail::countdown running_{0};
    counting_semaphore<> permits_{0}; // if limited_
    bool limited_ = false;
    enum class failure : unsigned char { none, claimed, complete };
    std::atomic<failure> failure_{failure::none};
    std::exception_ptr error_; // by the one who sets `claimed`; not changed once it is `complete`
    stop_source stop_;
    std::stop_callback<stop_others> from_parent_;
};

} // namespace fiber
