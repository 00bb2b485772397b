// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// countdown.cpp: a counter, and the queue of the agents that wait until it is zero.
//
//   bits   name     set                              cleared               if wrong
//   0      waited   by the first waiter, under the   by release(), after   clear with waiters: lost wake-up;
//                   queue lock, while the counter    it has emptied the    set without: a needless release
//                   is not zero                      queue
//   1..63  counter  add                                                    negative: taken back at once
//
// [countdown.zero]  last add()                          wait
//                 1 counter to zero, in one RMW       1 state_ is 0: return
//                 2 waited is clear: return           2 lock the queue; state_ is 0: unlock, return
//                 3 lock the queue                    3 set waited by a CAS from a counter that is not zero
//                 4 take all waiters out,             4 push, park, unlock the queue
//                   clear waited
//                 5 unlock; unpark the waiters
//
//   Claim: no waiter is lost.
//   left.1 is after right.3   left.1 sees the bit. left.3 comes after right.4: the waiter is in the queue.
//   left.1 is before right.3  The CAS of right.3 sees the zero and fails.
//
//   Claim: the object may be destroyed once a wait has returned. The queue lock is not part of it:
//   [queue.outlive].
//   left.2 returns  left.1 was the last access of add().
//   left.2 goes on  left.4 is the last access. Until then the bit is set, so state_ is not 0, and no
//                   wait returns by itself.
//
//   A waiter that reaches its deadline leaves the bit set. To clear it could make state_ 0 before
//   left.3.
#include <fiber/detail/countdown.hpp>

#include "runtime/base/lock/queue_lock.hpp"
#include "sync/waiting.hpp"

namespace fiber::detail {

bool countdown::zero_or_less(word now, std::ptrdiff_t n) noexcept {
    if (now == waited) {
        release();
        return true;
    }
    now = state_.fetch_sub(step * n, std::memory_order_acq_rel) - step * n; // [countdown.zero]
    if (now == waited) // a waiter came between the two RMWs
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
    state_.fetch_and(~waited, std::memory_order_release); // [countdown.zero] *this may be destroyed here
    queue_lock.unlock();
    released.wake_all();
}

FIBER_PARKS bool countdown::wait_slow(deadline_or_stop until, rt::wait_reason why,
                                      void const* what) noexcept {
    rt::waiter me(rt::ticket_until(until));
    rt::queued_wait wait(rt::queue_lock_of(this), waiters_);
    auto seen = state_.load(std::memory_order_acquire); // [countdown.zero]
    do {
        if (seen == 0)
            return true;
    } while ((seen & waited) == 0 &&
             !state_.compare_exchange_weak(seen, seen | waited, std::memory_order_acquire, // [countdown.zero]
                                           std::memory_order_acquire));                    // [countdown.zero]
    // passed_over: a release() just after the deadline has taken the waiter out
    return wait.park(me, until, why, what) != rt::queued_end::withdrawn;
}

} // namespace fiber::detail
