// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// semaphore.cpp: what a semaphore does when there are fewer permits than parties that want one.
//
//   count_      means
//   0 and more  so many permits are free, and nobody waits
//   negative    so many parties wait, or are about to, to whom no release() has promised a permit yet
//
//   All who want a permit subtract 1, all releases add: so the count alone decides who gets one. A release that finds
//   it negative has promised permits, and hands them over under the queue lock: to waiters, and what is left, to those
//   who are still on their way to the queue, by way of owed_.
//
// invariant  parties that have subtracted in vain, and have neither got a permit nor given up
//            = permits promised and not yet handed over + max(0, -count_)
//
// A party whose time is up, or that is stopped, gives up by adding its 1 back, if the count is still negative. If it is not, everybody has
//   been promised a permit, this party as well: it takes it, late.
//
// [semaphore.hand_on] The semaphore may be destroyed once nobody is in an acquire any more. A release that finds nobody
//   waiting does not touch it after its addition. One that has promised permits must still get to the queue; by the
//   invariant a party is in its acquire until that has happened. After that it has done with the semaphore: the lock is
//   none of the semaphore's, see [queue.outlive].
#include <fiber/semaphore.hpp>

#include "runtime/base/queue_lock.hpp"
#include "sync/misuse.hpp"
#include "sync/waiting.hpp"

namespace fiber::detail {

void semaphore_base::grant(std::ptrdiff_t n) noexcept {
    auto& queue_lock = rt::queue_lock_of(this);
    rt::wake_list granted;
    queue_lock.lock();
    rt::wait_queue queue(waiters_);
    for (; n > 0; --n) {
        rt::waiter* const first = queue.claim_front();
        if (first == nullptr)
            break;
        granted.add(*first);
    }
    owed_ += n;
    queue_lock.unlock(); // *this may be gone
    granted.wake_all();
}

FIBER_RETURN_FROM_SWITCH bool semaphore_base::acquire_slow(deadline_or_stop until) noexcept {
    auto& queue_lock = rt::queue_lock_of(this);
    auto const unlock = [&queue_lock]() noexcept { queue_lock.unlock(); };
    auto const consume_owed = [this] { return owed_ > 0 && owed_-- > 0; };
    rt::waiter me(rt::ticket_until(until));
    queue_lock.lock();
    if (consume_owed()) {
        queue_lock.unlock();
        return true;
    }
    rt::wait_queue(waiters_).push_back(me);
    if (rt::park_queued(me, until, rt::wait_reason::semaphore, this, unlock) == rt::wait_end::woken)
        return true;

    queue_lock.lock();
    if (me.queued())
        rt::wait_queue(waiters_).remove(me);
    // relaxed: only the number counts
    for (auto seen = count_.load(std::memory_order_relaxed); seen < 0;)
        if (count_.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed)) {
            queue_lock.unlock();
            return false;
        }
    if (consume_owed()) {
        queue_lock.unlock();
        return true;
    }
    rt::waiter promised(rt::ticket{&rt::self()}); // the release is on its way
    rt::wait_queue(waiters_).push_front(promised);
    rt::park(rt::wait_reason::semaphore, this, unlock);
    return true;
}

void semaphore_base::report_destroyed_in_use() const noexcept {
    rt::report_destroyed_in_use("fiber::counting_semaphore", this, "others wait for it");
}

void semaphore_base::report_misuse(char const* what) const noexcept {
    rt::report_misuse("fiber::counting_semaphore", this, what);
}

} // namespace fiber::detail
