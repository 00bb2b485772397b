// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// waiting.hpp: what all waits of sync/ share: parking with or without a deadline or a stop token,
// waking one waiter or many.
//
// [wait.stop] A wait that a stop request may end. The request claims the ticket of this one wait.
//   As after a timer, the waiting agent then takes itself out of the queue.
//
//     waiting agent                               request_stop, by any agent
//   1 open the wait, push its ticket            1 claim the ticket; lost: done
//   2 unlock the queue                          2 set `stopped`
//   3 register the callback, park               3 unpark the agent
//   4 destroy the callback
//   5 stopped: take itself out of the queue
//
//   The right side is the callback. It runs on the requester's stack, or within left.3 if the stop
//   was requested before. It needs no lock, so it may run while any lock is held. It never parks:
//   libstdc++ compares OS threads to find out whether a callback is destroyed from within.
//   Left.4 waits for a running callback. After left.4 the right side is over, and the agent may
//   open its next wait. A waker that finds the ticket claimed goes on to the next waiter. Of a
//   waker and a stop, one wins the ticket, and the other has no effect.
#pragma once

#include "runtime/park.hpp"

#include <fiber/detail/deadline_or_stop.hpp>
#include <fiber/detail/wait_list.hpp>

#include <cstdint>
#include <stop_token>
#include <utility>

namespace fiber::rt {

enum class wait_outcome : std::uint8_t { woken, timed_out, stopped };
// Parks the caller until the ticket is claimed by a waker, the deadline or a stop, and returns
// which of them it was. The ticket is contested and already in its queue. The caller holds no lock.
[[nodiscard]] wait_outcome park_stoppable(ticket, clock::time_point deadline, std::stop_token const&,
                                          wait_reason,
                                          void const* what) noexcept; // [wait.stop]

// Returns an uncontested ticket if only a waker can end the wait, and a contested one if `until`
// can end it, too.
[[nodiscard]] inline ticket ticket_until(detail::deadline_or_stop until) noexcept {
    return until.is_set() ? self().open_wait() : ticket{&self()};
}

// Parks the caller. The caller has put `me` into a queue, with a ticket from ticket_until(until);
// commit releases the queue lock. Returns timed_out if the deadline or the stop token has ended the
// wait. always_inline: the caller has FIBER_PARKS, and no other return may follow the switch.
template <class Commit>
[[gnu::always_inline]] [[nodiscard]] inline wait_end
park_queued(waiter const& me, detail::deadline_or_stop until, wait_reason why, void const* what,
            Commit&& commit) noexcept {
    if (!me.key.contested()) {
        park(why, what, std::forward<Commit>(commit));
        return wait_end::woken;
    }
    if (until.stop == nullptr)
        return park_until(me.key, until.when, why, what, std::forward<Commit>(commit));
    commit(); // [wait.stop] left.2
    return park_stoppable(me.key, until.when, *until.stop, why, what) == wait_outcome::woken
               ? wait_end::woken
               : wait_end::timed_out;
}

// How a wait in a queue has ended.
//   woken        a waker has claimed the wait
//   withdrawn    the deadline or the stop has claimed it, and the waiter was still in the queue; the
//                primitive exists
//   passed_over  the deadline or the stop has claimed it, and then a waker has taken the waiter out of
//                the queue; the primitive may be destroyed: [queue.outlive]
enum class queued_end : std::uint8_t { woken, withdrawn, passed_over };

// queued_wait: one wait in the queue of a primitive. The constructor locks the queue, so that the caller
// can check the state of the primitive before it parks. The destructor unlocks the queue if the object
// still has the lock.
template <class Lock>
class queued_wait {
public:
    queued_wait(Lock& lock, ::fiber::detail::wait_list& waiters) noexcept : lock_(lock), waiters_(waiters) {
        lock_.lock();
    }
    ~queued_wait() {
        if (locked_)
            lock_.unlock();
    }
    queued_wait(queued_wait const&) = delete;
    queued_wait& operator=(queued_wait const&) = delete;

    void lock() noexcept {
        lock_.lock();
        locked_ = true;
    }
    void unlock() noexcept {
        release();
        lock_.unlock();
    }
    // Leaves the queue locked. The caller must unlock it.
    void release() noexcept { locked_ = false; }

    // Puts `me`, which has a ticket from ticket_until(until), at the end of the locked queue, and parks. The
    // queue is unlocked once the agent is off its stack ([park]), and locked again unless the end is
    // `woken`. always_inline as park_queued().
    [[gnu::always_inline]] [[nodiscard]] queued_end park(waiter& me, detail::deadline_or_stop until,
                                                         wait_reason why, void const* what) noexcept {
        wait_queue(waiters_).push_back(me);
        release();
        if (park_queued(me, until, why, what, [&l = lock_]() noexcept { l.unlock(); }) == wait_end::woken)
            return queued_end::woken;
        lock();
        return withdraw(me) ? queued_end::withdrawn : queued_end::passed_over;
    }

    // Puts `me`, which has an uncontested ticket, at the front of the locked queue, and parks.
    [[gnu::always_inline]] void park_first(waiter& me, wait_reason why, void const* what) noexcept {
        wait_queue(waiters_).push_front(me);
        release();
        rt::park(why, what, [&l = lock_]() noexcept { l.unlock(); });
    }

    // As wait_queue::withdraw, with the queue locked.
    [[nodiscard]] bool withdraw(waiter& me) noexcept { return wait_queue(waiters_).withdraw(me); }

private:
    Lock& lock_;
    ::fiber::detail::wait_list& waiters_;
    bool locked_ = true;
};

// wake_list collects waiters under a queue lock and wakes them after its release. The waiters are
// out of their queue, and the caller has claimed their waits.
class wake_list {
public:
    void add(waiter& w) noexcept { queue_.push_back(w); }
    void wake_all() noexcept {
        waiter const* w = queue_.pop_front();
        if (w == nullptr)
            return;
        if (queue_.empty()) { // a single waiter runs next, like that of a mutex
            unpark(w->key);
            return;
        }
        unpark_batch all;
        for (; w != nullptr; w = queue_.pop_front())
            all.add(w->key); // *w may be destroyed here
    }

private:
    ::fiber::detail::wait_list list_;
    wait_queue queue_{list_};
};

} // namespace fiber::rt
