// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// semaphore.cpp: acquire and release of a semaphore with fewer permits than agents that want one.
//
//   count_      means
//   0 and more  number of free permits; no agent waits
//   negative    -count_ agents wait, or are about to, and no release() has promised them a permit yet
//
//   Each acquire subtracts 1, each release adds: the count alone decides which agent gets a permit.
//   A release that finds the count negative promises permits. It hands them over under the queue
//   lock, first to the waiters. The rest goes into owed_, for agents on their way to the queue.
//
// invariant  number of agents that have subtracted without success, and have neither got a permit
//            nor given up
//            = permits promised and not yet handed over + max(0, -count_)
//
// An agent that reaches its deadline, or that is stopped, gives up by adding 1 if the count is
// still negative. If it is not negative, each waiter has been promised a permit. The agent then
// takes its permit late.
//
// [semaphore.hand_on] The semaphore may be destroyed once no acquire is running. There are two
// kinds of release:
//   - A release that finds no agent waiting does not touch the semaphore after its addition.
//   - A release that has promised permits must still lock the queue. By the invariant an agent
//     stays in its acquire until the permits are handed over. After that the release does not touch
//     the semaphore: the queue lock is not part of it, see [queue.outlive].
#include <fiber/semaphore.hpp>

#include "runtime/base/lock/queue_lock.hpp"
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
    queue_lock.unlock(); // *this may be destroyed here
    granted.wake_all();
}

FIBER_PARKS bool semaphore_base::acquire_slow(deadline_or_stop until) noexcept {
    auto const consume_owed = [this] { return owed_ > 0 && owed_-- > 0; };
    rt::waiter me(rt::ticket_until(until));
    rt::queued_wait wait(rt::queue_lock_of(this), waiters_);
    if (consume_owed())
        return true;
    if (wait.park(me, until, rt::wait_reason::semaphore, this) == rt::queued_end::woken)
        return true;

    // relaxed: only the value matters; no permit changes hands
    for (auto seen = count_.load(std::memory_order_relaxed); seen < 0;)
        if (count_.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed))
            return false;
    if (consume_owed())
        return true;
    rt::waiter promised(rt::ticket{&rt::self()}); // a release will hand over the promised permit
    wait.park_first(promised, rt::wait_reason::semaphore, this);
    return true;
}

void semaphore_base::report_destroyed_in_use() const noexcept {
    rt::report_destroyed_in_use("fiber::counting_semaphore", this, "others wait for it");
}

void semaphore_base::report_misuse(char const* what) const noexcept {
    rt::report_misuse("fiber::counting_semaphore", this, what);
}

} // namespace fiber::detail
