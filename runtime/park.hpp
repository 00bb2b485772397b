// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// park.hpp: the narrow waist. Everything that waits, in sync/ and chan/ and above, waits through these
// functions and knows nothing else of the scheduler. The caller may be a fiber or an OS thread; neither it
// nor its waker can tell.
//
// [park] The protocol of an uncontested wait, here of a lock's queue:
//
//     waiting agent                               waking agent
//   1 lock the queue                            1 lock the queue
//   2 push a waiter with its ticket             2 pop the waiter, copy its ticket
//   3 park(…, commit)                           3 unlock the queue
//   4   off its stack: commit unlocks           4 unpark(ticket)
//
//   The waiter is in the queue only under the lock, and the lock is released when the agent is off its stack.
//   So left.4 comes before right.2, and the waker never sees an agent that still runs. Were the lock released
//   before 3, the agent could be resumed on a second machine while the first still stands on its stack.
//
// [park.contested] A wait that several may end (a queue, a timer, a stop request): the agent opens it, hands
//   the ticket to all of them, and parks with it. Each of them claims the ticket; the one that wins hands
//   over what it has and then unparks. That may come before the agent has parked: see ticket.hpp.
#pragma once

#include "runtime/base/clock.hpp"
#include "runtime/base/ticket.hpp"
#include "runtime/base/wait_reason.hpp"
#include "runtime/wait_queue.hpp"

#include "asm/return.hpp"

#include <cstddef>
#include <memory>
#include <type_traits>

namespace fiber::rt {

class fiber;

// The caller: the running fiber, or else this OS thread.
[[nodiscard]] agent& self() noexcept;

// An uncontested wait: exactly one unpark(ticket{&self()}) must follow. commit() runs once the agent is off
// its stack; from then on the wake may come. commit must not park or throw, and must not touch its captures
// after the step that makes the wake possible: they are on the parked stack.
template <class Commit>
void park(wait_reason why, void const* what, Commit&& commit) noexcept;

// A contested wait [park.contested], opened by self().open_wait(): returns when it has been claimed and
// woken, or at the deadline. At most one of the two: timed_out means that nobody else has claimed it or ever
// will.
enum class wait_end : bool { woken, timed_out };
template <class Commit>
[[nodiscard]] wait_end park_until(ticket, clock::time_point deadline, wait_reason why, void const* what,
                                  Commit&& commit) noexcept;

// By a fiber: a wait that nothing but the deadline ends.
void sleep_until(clock::time_point deadline) noexcept;

// Ends a wait that the caller owns: it has popped an uncontested waiter, or has claimed a contested one.
// Never blocks, never fails, never allocates, and does not switch. Called outside of locks. What the waiter
// lay in is gone afterwards.
void unpark(ticket) noexcept;
// Likewise, if the caller may go on for long and keep its processor from the one it wakes: another processor that has
// nothing to do gets that one, and is woken for it when the wait was longer than a wake-up takes.
void unpark(ticket, clock::time_point waiting_since) noexcept;

// Like unpark() of each in turn, for many: they become runnable several at a time, in that order, the last ones when *this
// goes. They run after all that are runnable, also if there is only one: how many wait does not change when each of them runs.
// On the caller's stack, which must not park in between.
class unpark_batch {
public:
    unpark_batch() noexcept = default;
    unpark_batch(unpark_batch const&) = delete;
    unpark_batch& operator=(unpark_batch const&) = delete;
    ~unpark_batch() { flush(); }
    void add(ticket) noexcept;

private:
    void flush() noexcept;

    fiber* first_ = nullptr; // they are linked, and of one runtime
    fiber* last_ = nullptr;
    std::size_t size_ = 0;
};

// Gives the processor to another fiber (an OS thread: its CPU) and stays runnable.
void yield() noexcept;

// Whether another processor of the caller's runtime, or another OS thread, may be running a lock's owner
// meanwhile: if not, spinning is for nothing.
[[nodiscard]] bool spinning_may_help() noexcept;

// For debugging: told of each wait by the agent that waits, before, when it may hold the spinlock that its commit releases, and
// after. In between the note, which stands on the agent's stack, is the observer's.
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
inline constinit wait_observer const* observer_of_waits = nullptr; // set before the first wait; null: none

// Something to be done when the caller ends: a fiber or an OS thread, after its fiber::local variables have been
// destroyed. It stands where it was put until it runs. Throws std::bad_alloc, and then it will not run.
struct exit_action {
    void (*run)(exit_action&) noexcept;
    exit_action* next = nullptr;
};
void at_exit_of_self(exit_action&);

// Whether the caller has fiber::local variables, or exit actions.
[[nodiscard]] bool self_has_locals() noexcept;

// ── how the templates reach the scheduler ──
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
