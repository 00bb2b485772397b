// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadline_or_stop.hpp: what may end a wait early: nothing, a deadline, or a stop request.
#pragma once

#include <fiber/detail/deadline.hpp>

#include <stop_token>

namespace fiber::detail {

struct deadline_or_stop {
    constexpr deadline_or_stop(deadline d) noexcept : when(d) {}
    // The token must outlive the wait.
    explicit deadline_or_stop(std::stop_token const& token) noexcept : stop(&token) {}

    [[nodiscard]] constexpr bool is_set() const noexcept { return when != never || stop != nullptr; }

    deadline when = never;
    std::stop_token const* stop = nullptr; // null if no stop can end the wait
};

// Waits until a stop is requested at the latest. The order is that of
// condition_variable_any::wait(lock, stop, pred):
//   1 the attempt, whatever the state of the token: returns true if it succeeds
//   2 a stop has been requested: returns false
//   3 the wait, which returns false if the stop has ended it
// If the token can never be stopped, only a plain wait is made.
//   bool attempt()               must not wait
//   bool wait(deadline_or_stop)  returns false if the deadline or the stop has ended the wait
template <class Attempt, class Wait>
[[nodiscard]] bool unless_stopped(std::stop_token const& stop, Attempt const& attempt, Wait const& wait) {
    if (!stop.stop_possible())
        return wait(deadline_or_stop(never));
    return attempt() || (!stop.stop_requested() && wait(deadline_or_stop(stop)));
}

} // namespace fiber::detail
