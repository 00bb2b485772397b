// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// waiting.hpp: what all waits of sync/ have in common: with a deadline or without, one woken or many.
#pragma once

#include "runtime/park.hpp"

#include <fiber/detail/wait_list.hpp>

#include <utility>

namespace fiber::rt {

// For a wait that only a waker can end, or the deadline too.
[[nodiscard]] inline ticket ticket_until(clock::time_point deadline) noexcept {
    return deadline == never ? ticket{&self()} : self().open_wait();
}

// Parks the caller, which `me` has put into a queue with a ticket_until(deadline); commit releases the queue's lock.
template <class Commit>
[[nodiscard]] wait_end park_queued(waiter const& me, clock::time_point deadline, wait_reason why,
                                   void const* what, Commit&& commit) noexcept {
    if (me.key.contested())
        return park_until(me.key, deadline, why, what, std::forward<Commit>(commit));
    park(why, what, std::forward<Commit>(commit));
    return wait_end::woken;
}

// Waiters that have been taken out of a queue, and whose waits the caller has won: collected under the queue's lock,
// woken outside of it.
class wake_list {
public:
    void add(waiter& w) noexcept { queue_.push_back(w); }
    void wake_all() noexcept {
        unpark_batch all;
        while (waiter const* const first = queue_.pop_front())
            all.add(first->key); // *first may be gone
    }

private:
    ::fiber::detail::wait_list list_;
    wait_queue queue_{list_};
};

} // namespace fiber::rt
