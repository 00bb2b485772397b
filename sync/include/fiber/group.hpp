// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// group.hpp: group, Go's errgroup.Group: fibers that are started, stopped and waited for together.
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

// group is Go's errgroup.Group: a set of fibers that does not outlive the group. The first fiber
// that throws requests a stop of the others, and so does the parent's stop token. wait() rethrows
// the first exception. All members but set_limit and the destructor may be called from any fiber or
// OS thread at any time. A fiber of the group must not call wait() on it.
class FIBER_API group {
public:
    group() : group(std::stop_token()) {}
    // Makes a group that is stopped when `parent` is.
    explicit group(std::stop_token parent);
    // Requests a stop, then blocks until all fibers of the group have ended. Drops an exception
    // that no wait() has thrown.
    ~group();
    group(group const&) = delete;
    group& operator=(group const&) = delete;

    // Limits the group to n fibers at a time. Throws std::invalid_argument if n is 0,
    // std::logic_error while fibers run.
    void set_limit(std::size_t n);

    // Runs f(stop_token()), or f() if that is not possible, in a new fiber of the group. Blocks
    // while the group is at its limit. Throws what fiber::go throws.
    template <class F>
    void go(F&& f) {
        if (limited_)
            permits_.acquire();
        start(std::forward<F>(f));
    }
    // Does the same, but never blocks. Returns false, and leaves f unchanged, if the group is at
    // its limit.
    template <class F>
    [[nodiscard]] bool try_go(F&& f) {
        if (limited_ && !permits_.try_acquire())
            return false;
        start(std::forward<F>(f));
        return true;
    }

    // Blocks until all fibers have ended. Then throws the first exception of a fiber if there was
    // one: in each waiting fiber or OS thread, and at each call. A group that has failed stays
    // failed: later fibers run with a stopped token, and wait() throws the same exception. A group
    // that has not failed may be used again, and its token is not stopped.
    void wait();

    // Requests a stop of all fibers. A fiber learns of it from its stop token.
    void request_stop() noexcept { stop_.request_stop(); }
    [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_.get_token(); }

private:
    // A permit from permits_ if there is a limit. Released in the destructor unless a member has
    // taken it over.
    struct permit {
        group* of;
        ~permit() {
            if (of != nullptr && of->limited_)
                of->permits_.release();
        }
    };

    // The membership of one fiber in the group, from its start to its end.
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
    counting_semaphore<> permits_{0}; // used if limited_
    bool limited_ = false;
    enum class failure : unsigned char { none, claimed, complete };
    std::atomic<failure> failure_{failure::none};
    std::exception_ptr error_; // written by the fiber that sets `claimed`; constant after `complete`
    stop_source stop_;
    std::stop_callback<stop_others> from_parent_;
};

} // namespace fiber
