// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// once.cpp: call_once: one agent makes the call, the others wait for it.
//
//   state_       means                               left by
//   0  fresh     no agent makes the call             begin_attempt: to running
//   1  running   an agent does, and no other waits   begin_attempt of another agent: to awaited
//                                                    finish: to done
//                                                    hand_over_attempt: to fresh
//   2  awaited   an agent does, and waiters are      finish: to done
//                in the queue                        hand_over_attempt: stays awaited; to running if it takes
//                                                    the last waiter
//   3  done      the call has returned               never
//
//   The change to awaited and the push are one step under the queue lock. awaited is left under the
//   queue lock, too. Therefore the queue is empty in the states fresh and running; in the state
//   done it belongs to finish. running with a waiter would be a lost wake-up.
//
// After `done` no agent enters the queue. The agent that made the call wakes the waiters, and their
// calls keep the flag alive until then. An agent that sees `done` may destroy the flag if no other
// call is running. Therefore, without waiters, the store of `done` is the last access.
#include <fiber/once.hpp>

#include "runtime/base/lock/queue_lock.hpp"
#include "runtime/park.hpp"

namespace fiber {
namespace {

struct once_waiter : rt::waiter {
    using rt::waiter::waiter;
    bool attempts_next = false; // set before the unpark: this waiter makes the next attempt
};

} // namespace

bool once_flag::begin_attempt() noexcept {
    once_waiter me(rt::ticket{&rt::self()});
    auto& queue_lock = rt::queue_lock_of(this);
    queue_lock.lock();
    auto seen = state_.load(std::memory_order_acquire); // [once.done]
    while (seen == fresh || seen == running)
        if (state_.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire, // [once.attempt]
                                         std::memory_order_acquire))                // [once.done]
            break;
    if (seen == fresh || seen == done) {
        queue_lock.unlock();
        return seen == fresh;
    }
    rt::wait_queue(waiters_).push_back(me);
    rt::park(rt::wait_reason::once, this, [&queue_lock]() noexcept { queue_lock.unlock(); });
    return me.attempts_next;
}

void once_flag::finish() noexcept {
    auto seen = running;
    if (state_.compare_exchange_strong(seen, done, std::memory_order_release, // [once.done]
                                       std::memory_order_relaxed)) // relaxed: awaited, which the lock orders
        return;
    auto& queue_lock = rt::queue_lock_of(this);
    queue_lock.lock();
    state_.store(done, std::memory_order_release); // [once.done]
    queue_lock.unlock();
    rt::wait_queue queue(waiters_); // no other agent uses it from here on
    for (bool last = false; !last;) {
        auto const ticket = queue.pop_front()->key;
        last = queue.empty();
        rt::unpark(ticket); // after the last one *this may be destroyed
    }
}

void once_flag::hand_over_attempt() noexcept {
    auto seen = running;
    if (state_.compare_exchange_strong(seen, fresh, std::memory_order_release, // [once.attempt]
                                       std::memory_order_relaxed)) // relaxed: awaited, which the lock orders
        return;
    auto& queue_lock = rt::queue_lock_of(this);
    queue_lock.lock();
    rt::wait_queue queue(waiters_);
    auto* const next = static_cast<once_waiter*>(queue.pop_front());
    auto const ticket = next->key;
    next->attempts_next = true;
    if (queue.empty()) // relaxed: the unpark orders the next attempt after this one
        state_.store(running, std::memory_order_relaxed);
    queue_lock.unlock();
    rt::unpark(ticket);
}

} // namespace fiber
