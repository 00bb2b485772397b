// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// park.hpp is the interface between the scheduler and everything that waits: sync/, chan/ and the
// layers above them wait through this header alone. The caller may be a fiber or an OS thread. Neither
// the caller nor its waker can tell which.
//
// [park] The protocol of an uncontested wait. Example: the queue of a lock.
//
//     waiting agent                               waking agent
//   1 lock the queue                            1 lock the queue
//   2 push a waiter with its ticket             2 pop the waiter, copy its ticket
//   3 park(…, commit)                           3 unlock the queue
//   4   off its stack: commit unlocks           4 unpark(ticket)
//
//   Claim: the waker never sees an agent that still runs.
//   The agent pushes its waiter under the queue's lock, and left.4 releases that lock once the agent
//   is off its stack. Right.2 holds the same lock. Therefore left.4 comes before right.2.
//   If the lock were released before left.3, a second machine could resume the agent while the first
//   machine still stands on the agent's stack.
//
// [park.contested] The protocol of a wait that several agents may end: a queue, a timer, a stop request.
//   1 The waiting agent opens the wait, gives its ticket to all of them, and parks with the ticket.
//   2 Each of them claims the ticket. One claim succeeds.
//   3 The winner hands over its value, and then unparks the ticket.
//   Step 3 may come before the agent has parked: see ticket.hpp.
#pragma once

#include "runtime/base/platform/clock.hpp"
#include "runtime/wait/ticket.hpp"
#include "runtime/wait/wait_queue.hpp"
#include "runtime/wait/wait_reason.hpp"

#include "asm/call/return.hpp"

#include <cstddef>
#include <memory>
#include <type_traits>

// FIBER_PARKS is the attribute of a function that always parks. It goes on that function alone: split the
// fast path, which mostly does not park, into another function. asm/call/return.hpp has the reason.
#define FIBER_PARKS [[gnu::noinline]] FIBER_RETURN_FROM_SWITCH

namespace fiber::rt {

class fiber;

// Returns the calling agent: the running fiber, or the OS thread if no fiber runs.
[[nodiscard]] agent& self() noexcept;

// Waits, uncontested, until the one unpark(ticket{&self()}) that must follow. commit() runs once the
// agent is off its stack. commit must not park or throw. commit must not touch its captures after the
// step that makes the wake possible: the captures are on the parked stack, and the agent may run again.
template <class Commit>
void park(wait_reason why, void const* what, Commit&& commit) noexcept;

// Waits, contested [park.contested], in a wait that self().open_wait() has opened. Returns woken if
// another agent has claimed the ticket and unparked it. Returns timed_out at the deadline: then no other
// agent has claimed the ticket or ever will.
enum class wait_end : bool { woken, timed_out };
template <class Commit>
[[nodiscard]] wait_end park_until(ticket, clock::time_point deadline, wait_reason why, void const* what,
                                  Commit&& commit) noexcept;

// Ends a wait that the caller owns. The caller has popped an uncontested waiter, or has claimed a
// contested one. Never blocks, fails, allocates or switches. The caller holds no locks. The waiter may be
// destroyed here.
void unpark(ticket) noexcept;
// Ends a wait as unpark(ticket) does, for a caller that may go on for long and keep its processor from
// the woken fiber. An idle processor gets the fiber, and its machine is woken if the wait was longer
// than a wake-up takes.
void unpark(ticket, clock::time_point waiting_since) noexcept;

// Unparks many tickets, and makes their fibers runnable several at a time, in the order of add(). The
// destructor makes the last ones runnable. The fibers run after all runnable fibers, even if there is
// only one: the number of waiters does not change when each of them runs. The object stands on the
// caller's stack. The caller must not park while the object exists.
class unpark_batch {
public:
    unpark_batch() noexcept = default;
    unpark_batch(unpark_batch const&) = delete;
    unpark_batch& operator=(unpark_batch const&) = delete;
    ~unpark_batch() { flush(); }
    void add(ticket) noexcept;

private:
    void flush() noexcept;

    fiber* first_ = nullptr; // a list linked by fiber::next, of fibers of one runtime
    fiber* last_ = nullptr;
    std::size_t size_ = 0;
};

// ── the untyped functions behind the templates ──
using commit_function = void (*)(void* argument) noexcept;
void park_erased(wait_reason, void const* what, commit_function, void* argument) noexcept;
wait_end park_until_erased(ticket, clock::time_point, wait_reason, void const* what, commit_function,
                           void* argument) noexcept;

namespace erased {
template <class Commit>
void run_commit(void* commit) noexcept {
    (*static_cast<Commit*>(commit))();
}
template <class Commit>
void* address_of(Commit& commit) noexcept {
    return const_cast<void*>(static_cast<void const*>(std::addressof(commit)));
}
} // namespace erased

template <class Commit>
void park(wait_reason why, void const* what, Commit&& commit) noexcept {
    park_erased(why, what, erased::run_commit<std::remove_reference_t<Commit>>, erased::address_of(commit));
}

template <class Commit>
wait_end park_until(ticket t, clock::time_point deadline, wait_reason why, void const* what,
                    Commit&& commit) noexcept {
    return park_until_erased(t, deadline, why, what, erased::run_commit<std::remove_reference_t<Commit>>,
                             erased::address_of(commit));
}

} // namespace fiber::rt
