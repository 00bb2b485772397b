// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_observer.hpp: an observer of all waits, for debugging, and the functions that tell it of a wait.
#pragma once

#include "runtime/park.hpp"

namespace fiber::rt {

// The waiting agent tells the observer of each wait: `begins` before the wait, `is_over` after it. At
// `begins` the agent may hold the spinlock that its commit releases. Between the two calls the observer
// owns the note, which stands on the agent's stack.
struct wait_facts {
    agent& who;
    wait_reason why;
    void const* what;
    clock::time_point since;
};
struct wait_note : waiter {
    explicit wait_note(wait_facts const& of) noexcept : waiter(ticket{&of.who}), facts(of) {}
    wait_facts const facts;
};
struct wait_observer {
    void (*begins)(wait_note&) noexcept;
    void (*is_over)(wait_note&) noexcept;
};
inline constinit wait_observer const* observer_of_waits =
    nullptr; // set before the first wait; null without an observer

// Calls wait(arguments...), which parks the caller, between the two calls of the observer. noinline: the
// note takes no stack of a waiter without an observer.
template <auto& wait, class... Arguments>
FIBER_PARKS auto wait_under_observer(wait_reason why, void const* what, Arguments... arguments) noexcept {
    struct observed {
        observed(wait_reason w, void const* at) noexcept : note({self(), w, at, clock::now()}) {
            observer_of_waits->begins(note);
        }
        ~observed() { observer_of_waits->is_over(note); }
        observed(observed const&) = delete;
        observed& operator=(observed const&) = delete;
        wait_note note;
    } const during(why, what);
    return wait(arguments...);
}

// Calls wait(arguments...), which parks the caller, and tells the observer of the wait if there is one.
template <auto& wait, class... Arguments>
[[gnu::always_inline]] inline auto observed_wait(wait_reason why, void const* what,
                                                 Arguments... arguments) noexcept {
    if (observer_of_waits == nullptr) [[likely]]
        return wait(arguments...);
    return wait_under_observer<wait>(why, what, arguments...);
}

} // namespace fiber::rt
