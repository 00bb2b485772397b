// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_group.cpp: a counter, and the queue of those who wait for its zero.
//
//   bits   name     set                                 cleared               if wrong
//   0      waited   by the first who waits, under the   by release(), with    clear with waiters: lost wake-up;
//                   queue lock, while the counter is    the queue emptied     set without: one needless release
//                   not zero
//   1..63  counter  add, done                                                 negative: taken back at once
//
// [wg.zero]  last done()                             wait()
//          1 counter to zero, in one RMW           1 state_ is 0: return
//          2 waited is clear: return               2 lock the queue; state_ is 0: unlock, return
//          3 lock the queue                        3 set waited by a CAS from a counter that is not zero
//          4 take all waiters out, clear waited    4 push, park, unlock the queue
//          5 unlock; unpark them
//
//   Either left.1 sees the bit of right.3, or right.3 sees the zero of left.1 and fails. In the first case,
//   left.3 comes after right.4. The group may be destroyed once a wait has returned. A wait returns by itself
//   only when state_ is 0, counter and
//   bit: so not between left.1 and left.4, when there is somebody to be released. And where left.2 returns, left.1 was
//   the last access. The lock is none of the group's: see [queue.outlive]. So the last access of a release is
//   left.4. A waiter whose time is up leaves the bit set. Clearing it could make state_ 0 with left.3 still
//   to come.
#include <fiber/wait_group.hpp>

#include "runtime/base/queue_lock.hpp"
#include "runtime/park.hpp"
#include "sync/misuse.hpp"

#include <stdexcept>

namespace fiber {

void wait_group::throw_negative() {
    throw std::logic_error("fiber::wait_group: the counter would be negative");
}

void wait_group::zero_or_less(word now, std::ptrdiff_t n) {
    if (now == waited)
        return release();
    now = state_.fetch_sub(step * n, std::memory_order_acq_rel) - step * n; // [wg.zero]
    if (now == waited) // somebody began to wait in between
        release();
    throw_negative();
}

void wait_group::release() noexcept {
    auto& queue_lock = rt::queue_lock_of(this);
    detail::wait_list list;
    rt::wait_queue released(list);
    queue_lock.lock();
    rt::wait_queue queue(waiters_);
    while (rt::waiter* const first = queue.claim_front())
        released.push_back(*first);
    state_.fetch_and(~waited, std::memory_order_release); // [wg.zero] *this may be gone
    queue_lock.unlock();
    while (rt::waiter const* const first = released.pop_front())
        rt::unpark(first->key); // *first may be gone
}

bool wait_group::wait_slow(detail::deadline deadline) noexcept {
    bool const patient = deadline == detail::never;
    rt::waiter me(patient ? rt::ticket{&rt::self()} : rt::self().open_wait());
    auto& queue_lock = rt::queue_lock_of(this);
    auto unlock = [&queue_lock]() noexcept { queue_lock.unlock(); };

    queue_lock.lock();
    auto seen = state_.load(std::memory_order_acquire); // [wg.zero]
    do {
        if (seen == 0) {
            queue_lock.unlock();
            return true;
        }
    } while ((seen & waited) == 0 &&
             !state_.compare_exchange_weak(seen, seen | waited, std::memory_order_acquire, // [wg.zero]
                                           std::memory_order_acquire));                    // [wg.zero]
    rt::wait_queue(waiters_).push_back(me);
    if (patient) {
        rt::park(rt::wait_reason::wait_group, this, unlock);
        return true;
    }
    if (rt::park_until(me.key, deadline, rt::wait_reason::wait_group, this, unlock) == rt::wait_end::woken)
        return true;

    queue_lock.lock();
    bool const released = !me.queued(); // by one who came just after the timer. Then *this may be gone
    if (!released)
        rt::wait_queue(waiters_).remove(me);
    queue_lock.unlock();
    return released;
}

void wait_group::destroyed_in_use() const noexcept {
    rt::destroyed_in_use("fiber::wait_group", this, "others wait for it");
}

} // namespace fiber
