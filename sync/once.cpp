// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// once.cpp: who makes the call, and who waits for it.
//
//   state_       means                          left by
//   0  fresh     nobody makes the call          begin_attempt: running
//   1  running   one does, and nobody waits     begin_attempt of another: awaited. finish: done. hand_over_attempt: fresh
//   2  awaited   one does, the queue has those  finish: done. hand_over_attempt: stays, or running if it takes out the last one
//                who wait
//   3  done      it has returned                nothing
//
//   awaited is set, together with the push, and left under the queue lock. So the queue is empty in all other
//   states but done, and then it belongs to finish. running with a waiter would be a lost wake-up.
//
// After `done` no party enters the queue; those in it are woken by the one that has made the call, and their
// calls hold the flag in place until then. Whoever sees `done` may destroy the flag if no other call is under
// way: so where nobody waits, setting `done` is the last access.
#include <fiber/once.hpp>

#include "runtime/base/queue_lock.hpp"
#include "runtime/park.hpp"

namespace fiber {
namespace {

struct once_waiter : rt::waiter {
    using rt::waiter::waiter;
    bool attempts_next = false; // set before the unpark: this one makes the next attempt
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
    rt::wait_queue queue(waiters_); // ours alone from here
    for (bool last = false; !last;) {
        auto const ticket = queue.pop_front()->key;
        last = queue.empty();
        rt::unpark(ticket); // if it was the last, *this may be gone
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
