// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// countdown.cpp: a counter, and the queue of those who wait for its zero.
//
//   bits   name     set                                 cleared               if wrong
//   0      waited   by the first who waits, under the   by release(), with    clear with waiters: lost wake-up;
//                   queue lock, while the counter is    the queue emptied     set without: one needless release
//                   not zero
//   1..63  counter  add                                                       negative: taken back at once
//
// [countdown.zero]  last add()                         wait
//                 1 counter to zero, in one RMW      1 state_ is 0: return
//                 2 waited is clear: return          2 lock the queue; state_ is 0: unlock, return
//                 3 lock the queue                   3 set waited by a CAS from a counter that is not zero
//                 4 take all waiters out,            4 push, park, unlock the queue
//                   clear waited
//                 5 unlock; unpark them
//
//   Either left.1 sees the bit of right.3, or right.3 sees the zero of left.1 and fails. In the first case,
//   left.3 comes after right.4. The object may be destroyed once a wait has returned. A wait returns by itself
//   only when state_ is 0, counter and bit: so not between left.1 and left.4, when there is somebody to be released.
//   And where left.2 returns, left.1 was the last access. The lock is none of the object's: see [queue.outlive]. So the
//   last access of a release is left.4. A waiter whose limit is reached leaves the bit set. Clearing it could make state_ 0
//   with left.3 still to come.
#include <fiber/detail/countdown.hpp>

#include "runtime/base/queue_lock.hpp"
#include "sync/waiting.hpp"

namespace fiber::detail {

bool countdown::zero_or_less(word now, std::ptrdiff_t n) noexcept {
    if (now == waited) {
        release();
        return true;
    }
    now = state_.fetch_sub(step * n, std::memory_order_acq_rel) - step * n; // [countdown.zero]
    if (now == waited) // somebody began to wait in between
        release();
    return false;
}

void countdown::release() noexcept {
    auto& queue_lock = rt::queue_lock_of(this);
    rt::wake_list released;
    queue_lock.lock();
    rt::wait_queue queue(waiters_);
    while (rt::waiter* const first = queue.claim_front())
        released.add(*first);
    state_.fetch_and(~waited, std::memory_order_release); // [countdown.zero] *this may be gone
    queue_lock.unlock();
    released.wake_all();
}

FIBER_RETURN_FROM_SWITCH bool countdown::wait_slow(deadline_or_stop until, rt::wait_reason why,
                                                   void const* what) noexcept {
    rt::waiter me(rt::ticket_until(until));
    auto& queue_lock = rt::queue_lock_of(this);
    queue_lock.lock();
    auto seen = state_.load(std::memory_order_acquire); // [countdown.zero]
    do {
        if (seen == 0) {
            queue_lock.unlock();
            return true;
        }
    } while ((seen & waited) == 0 &&
             !state_.compare_exchange_weak(seen, seen | waited, std::memory_order_acquire, // [countdown.zero]
                                           std::memory_order_acquire));                    // [countdown.zero]
    rt::wait_queue(waiters_).push_back(me);
    if (rt::park_queued(me, until, why, what, [&queue_lock]() noexcept { queue_lock.unlock(); }) ==
        rt::wait_end::woken)
        return true;

    queue_lock.lock();
    bool const released = !me.queued(); // by one who came just after the limit. Then *this may be gone
    if (!released)
        rt::wait_queue(waiters_).remove(me);
    queue_lock.unlock();
    return released;
}

} // namespace fiber::detail
