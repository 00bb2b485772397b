// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// waiting.hpp: what all waits of sync/ have in common: with a limit or without, one woken or many.
//
// [wait.stop] A wait that a stop request may end. The request claims the one wait that it is meant for, and
//   leaves the queue to the party itself, as the timer does.
//
//     party that waits                            request_stop, by anyone
//   1 open the wait, push its ticket            1 claim the ticket; lost: done
//   2 unlock the queue                          2 say that it was the stop
//   3 register the callback, park               3 unpark the party
//   4 destroy the callback
//   5 stopped: take itself out of the queue
//
//   The right side is the callback. It runs on the requester's stack, or, if the stop has been requested before,
//   within left 3. Nobody holds a lock that it could wait for, and it never parks: libstdc++ tells by the OS
//   thread whether a callback is being destroyed from within. Left 4 waits for a callback that is running.
//   The right side is then over, and the party may open its next wait.
//   A waker that finds the ticket claimed passes over it. Of a waker and a stop one wins, and the other has no
//   effect.
#pragma once

#include "runtime/park.hpp"

#include <fiber/detail/deadline_or_stop.hpp>
#include <fiber/detail/wait_list.hpp>

#include <cstdint>
#include <stop_token>
#include <utility>

namespace fiber::rt {

// Parks the caller with a contested ticket that is in its queue; the caller holds no lock.
enum class wait_outcome : std::uint8_t { woken, timed_out, stopped };
[[nodiscard]] wait_outcome park_stoppable(ticket, clock::time_point deadline, std::stop_token const&,
                                          wait_reason,
                                          void const* what) noexcept; // [wait.stop]

// For a wait that only a waker can end, or the limit too.
[[nodiscard]] inline ticket ticket_until(detail::deadline_or_stop until) noexcept {
    return until.is_set() ? self().open_wait() : ticket{&self()};
}

// Parks the caller, which `me` has put into a queue with a ticket_until(until); commit releases the queue's lock.
// timed_out: the limit has ended the wait, of whichever kind it is.
template <class Commit>
[[nodiscard]] wait_end park_queued(waiter const& me, detail::deadline_or_stop until, wait_reason why,
                                   void const* what, Commit&& commit) noexcept {
    if (!me.key.contested()) {
        park(why, what, std::forward<Commit>(commit));
        return wait_end::woken;
    }
    if (until.stop == nullptr)
        return park_until(me.key, until.when, why, what, std::forward<Commit>(commit));
    commit(); // [wait.stop] left 2
    return park_stoppable(me.key, until.when, *until.stop, why, what) == wait_outcome::woken
               ? wait_end::woken
               : wait_end::timed_out;
}

// Waiters that have been taken out of a queue, and whose waits the caller has won: collected under the queue's lock,
// woken outside of it.
class wake_list {
public:
    void add(waiter& w) noexcept { queue_.push_back(w); }
    void wake_all() noexcept {
        waiter const* w = queue_.pop_front();
        if (w == nullptr)
            return;
        if (queue_.empty()) { // it runs next, as the one waiter of a mutex does
            unpark(w->key);
            return;
        }
        unpark_batch all;
        for (; w != nullptr; w = queue_.pop_front())
            all.add(w->key); // *w may be gone
    }

private:
    ::fiber::detail::wait_list list_;
    wait_queue queue_{list_};
};

} // namespace fiber::rt
