// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// shared_state.cpp: a result that one agent sets and others read.
//
//   set_    true while an agent has the right to set the result, and after it has set it
//   ready_  counts down from 1 when the result is in place. All earlier writes are then visible. A waiter
//           may then drop the state, even if the agent that has set the result has not yet returned.
//   word_   twice the number of references, plus 1 if the future has been retrieved
#include <fiber/detail/shared_state.hpp>

#include "runtime/base/process/fatal.hpp"
#include "runtime/exit_action.hpp"
#include "runtime/wait/wait_reason.hpp"

#include <new>
#include <stdexcept>

namespace fiber::detail {

void throw_future_error(std::future_errc what) { throw std::future_error(what); }

void throw_bad_launch_policy() {
    throw std::invalid_argument("fiber::async: the policy is neither launch::async nor launch::deferred");
}

shared_state::~shared_state() = default;

void shared_state::retain_for_future() {
    auto seen = word_.load(std::memory_order_relaxed);
    do {
        if ((seen & retrieved) != 0)
            throw_future_error(std::future_errc::future_already_retrieved);
    } while (!word_.compare_exchange_weak(seen, (seen + reference) | retrieved, // relaxed: as retain
                                          std::memory_order_relaxed));
}

void shared_state::wait_slow() {
    // relaxed: the deferred function was stored before the future was made
    if (deferred_.load(std::memory_order_relaxed) && deferred_.exchange(false, std::memory_order_relaxed))
        run_deferred();
    else
        ready_.wait_slow(never, rt::wait_reason::future, this);
}

std::future_status shared_state::wait_before(deadline until) noexcept {
    if (auto const now = status(); now != std::future_status::timeout)
        return now;
    return ready_.wait_slow(until, rt::wait_reason::future, this) ? std::future_status::ready
                                                                  : std::future_status::timeout;
}

void shared_state::report_null_exception() const noexcept {
    rt::fatal("fiber::promise: set_exception was given a null std::exception_ptr");
}

void shared_state::abandon() noexcept {
    // relaxed: with one reference, only the caller can add another
    auto const seen = word_.load(std::memory_order_relaxed);
    if (seen < 2 * reference || set_.exchange(true, std::memory_order_acquire)) // [future.set]
        return;
    error_ = std::make_exception_ptr(std::future_error(std::future_errc::broken_promise));
    make_ready();
}

namespace {

struct ready_at_exit : rt::exit_action {
    ready_at_exit(shared_state& of, void (*then)(shared_state&) noexcept) noexcept
        : rt::exit_action{run_and_delete}, state(of), make_ready(then) {}
    static void run_and_delete(rt::exit_action& action) noexcept {
        std::unique_ptr<ready_at_exit> const mine(static_cast<ready_at_exit*>(&action));
        mine->make_ready(mine->state);
    }
    shared_state& state;
    void (*make_ready)(shared_state&) noexcept;
};

} // namespace

void shared_state::setting::done_at_exit() {
    auto action = std::make_unique<ready_at_exit>(*state_, [](shared_state& state) noexcept {
        state.make_ready();
        state.release();
    });
    rt::at_exit_of_self(*action);
    action.release()->state.retain();
    state_ = nullptr;
}

void shared_state::make_ready_at_end() noexcept {
    if (rt::self_has_locals()) { // its table exists, so at_exit_of_self() allocates nothing
        auto const now = [](shared_state& state) noexcept { state.make_ready(); };
        if (auto* const action = new (std::nothrow) ready_at_exit(*this, now)) {
            rt::at_exit_of_self(*action);
            return;
        }
    }
    make_ready();
}

} // namespace fiber::detail
