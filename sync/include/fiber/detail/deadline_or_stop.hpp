// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadline_or_stop.hpp: what may end a wait before it has got what it waits for: a deadline, or a stop request.
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

// A wait that a stop request ends, in the order of condition_variable_any::wait: what can be had at once is had,
// whatever the token says. If a stop has been requested by then, there is no wait. Where no stop is possible, it
// is the plain wait.
//   bool attempt()                   never waits
//   bool wait(detail::deadline_or_stop)    false: the limit has ended it
template <class Attempt, class Wait>
[[nodiscard]] bool unless_stopped(std::stop_token const& stop, Attempt const& attempt, Wait const& wait) {
    if (!stop.stop_possible())
        return wait(deadline_or_stop(never));
    return attempt() || (!stop.stop_requested() && wait(deadline_or_stop(stop)));
}

} // namespace fiber::detail
