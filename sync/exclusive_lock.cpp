// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exclusive_lock.cpp: the slow paths of every mutex: waiting and waking.
//
//   state_       means                                             may be changed by
//   0 free       no agent holds the mutex                          any agent: to 1, and becomes the owner
//   1 locked     an agent holds the mutex                          the owner: subtracts 1, which frees it
//   2 contended  an agent holds it, another has asked for it       the owner: subtracts 1, which leaves it
//                                                                  locked; then it looks at the queue
//
//   The owner of a biased mutex frees it by a plain store instead: [mutex.bias] of unlock_bias.cpp.
//   Before an agent waits, it revokes the bias. The holder of the queue lock may write 2 instead of 1. A
//   needless 2 costs one slow unlock. A 1 with a waiter in the queue and without a designated waker is a lost
//   wake-up. An agent that spins does not write 2, so the owner's unlock stays fast.
//
// A designated waker is an agent on its way to the queue lock, where it sets 2. There are two kinds:
//   - a waiter that an unlock has taken out of the queue and woken without granting it the mutex;
//   - an agent that revokes the bias: W3 to W6 of [mutex.bias].
//
// invariant  A waiter is in the queue only while at least one of these holds:
//            - state_ is 2;
//            - there is a designated waker;
//            - the owner has done U0 of a slow unlock and not yet U1.
//
// [mutex.queue]
//      lock_slow, which found the mutex locked    unlock_slow, by the owner
//                                                 U0 fetch_sub(state_, 1) returned 2: locked, and
//                                                    still the owner
//   L1 lock the queue                             U1 lock the queue
//   L2 exchange state_ for 2                      U2 take the first waiter out; if there is none, state_ = 1
//   L3 it was 0: the owner. Unlock the queue      U3 unlock the queue
//   L4 else push, park, unlock the queue          U4 with a waiter: state_ = 0, then unpark the waiter
//                                                 U5 without: fetch_sub(state_, 1).
//                                                    It was 1: free. It was 2: back to U1
//
//   Claim: no unlock frees the mutex and leaves a waiter in the queue that no agent will wake.
//   The queue lock orders L1..L4 and U1..U3. There are three cases:
//   the lock is first                      U2 finds the waiter.
//   the unlock is first, and has a waiter  The waiter becomes a designated waker. If L2 comes before U4,
//                                          U4 overwrites the 2; the designated waker sets it again.
//   the unlock is first, and has none      If L2 comes before U5, U5 finds 2. Otherwise L2 finds 0.
//   A fast lock changes only 0, and a fast unlock subtracts 1: neither overwrites a 2.
//
// [mutex.destruction] Once state_ is 0, another agent may lock, unlock and destroy the mutex.
//   Therefore the last access of unlock() is the operation that sets 0: a store, an RMW, or U5. At
//   U4 the waiter is still inside lock(), so the mutex exists until the waiter is unparked; the
//   ticket was copied before. For the same reason U3 comes before U4, and unlock() must not free a
//   mutex that has waiters and look for them afterwards.
//
// A waiter that reaches its deadline, or that is stopped, takes itself out of the queue and leaves
// state_ unchanged. A designated waker does so only after it has queued again, and so leaves 2
// behind.
//
// A waiter that has waited for starvation_threshold and finds the mutex locked again marks its node
// `starving` and goes to the front of the queue. The next unlock leaves state_ locked and makes the
// waiter the owner: a grant.
//
// The fiber that unlocks keeps running, and may lock again and again without parking. Therefore
// unlock() offers the woken waiter to an idle processor: rt::unpark(ticket, since).
#include <fiber/detail/exclusive_lock.hpp>

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/spin_hint.hpp"
#include "sync/misuse.hpp"
#include "sync/mutex_queue.hpp"
#include "sync/waiting.hpp"

#include <chrono>
#include <cstddef>

namespace fiber::detail {
namespace {

struct mutex_waiter : rt::waiter {
    mutex_waiter(rt::ticket t, rt::clock::time_point began, bool has_starved) noexcept
        : rt::waiter(t), since(began), starving(has_starved) {}
    rt::clock::time_point const since; // start of the wait, kept when a designated waker queues again
    bool const starving;               // the next unlock must grant
    bool granted = false;              // set by the granting unlock, before the unpark
};

// The same as Go's starvationThresholdNs. Shorter: more switches under load (perf/run mutex).
// Longer: less fair (perf/run --starvation).
constexpr auto starvation_threshold = std::chrono::milliseconds(1);

// Reads of state_ while spinning, and pauses after each read. Together they take less time than the
// wake-up of an idle machine. More: CPU time is wasted while the owner is not running. Each read
// takes the cache line from the owner, so the reads are few and the pauses many. perf/run mutex
constexpr int spin_rounds = 4;
constexpr int pauses_per_round = 30;

// Takes the waiter out of its queue after its deadline or stop.
void leave(rt::mutex_queue& queue, rt::waiter& me) noexcept {
    queue.lock();
    queue.withdraw(me);
    queue.unlock();
}

} // namespace

// Returns true if the mutex became free while spinning; the caller is then the owner, and state_ is
// `taken`.
bool exclusive_lock::spin(word taken) noexcept {
    if (!rt::spinning_may_help())
        return false;
    for (int i = 0; i < spin_rounds; ++i) {
        // relaxed: the successful CAS orders
        auto seen = state_.load(std::memory_order_relaxed);
        if (seen == free &&
            state_.compare_exchange_weak(seen, taken, std::memory_order_acquire, // [mutex.hand_on]
                                         std::memory_order_relaxed))
            return true;
        for (int pause = 0; pause < pauses_per_round; ++pause)
            rt::cpu_relax();
    }
    return false;
}

bool exclusive_lock::lock_slow(deadline_or_stop until) noexcept {
    if (spin(locked))
        return true;
    return lock_by_waiting(until);
}

FIBER_PARKS bool exclusive_lock::lock_by_waiting(deadline_or_stop until) noexcept {
    rt::mutex_queue queue(queue_lock_, waiters_);
    auto const since = rt::clock::now();
    bool starving = false;
    for (bool designated_waker = false;; designated_waker = true) {
        mutex_waiter me(rt::ticket_until(until), since, starving);
        queue.lock();
        bias_.revoke(queue);
        // [mutex.queue] L2
        auto const seen = state_.exchange(contended, std::memory_order_acquire); // [mutex.hand_on]
        if (seen == free) {
            if (queue.empty())
                state_.store(locked, std::memory_order_relaxed); // relaxed: the owner's; avoids a slow unlock
            queue.unlock();
            return true;
        }
        if (designated_waker)
            queue.push_front(me);
        else
            queue.push_back(me);
        if (rt::park_queued(me, until, rt::wait_reason::mutex, this,
                            [&queue]() noexcept { queue.unlock(); }) == rt::wait_end::timed_out) {
            leave(queue, me);
            return false;
        }
        if (me.granted)
            return true;
        if (spin(contended)) // a designated waker must leave 2: the queue may hold other waiters
            return true;
        starving = rt::clock::now() - since >= starvation_threshold;
    }
}

void exclusive_lock::end_round() noexcept {
    static_assert(offsetof(exclusive_lock, state_) == 0 &&
                  offsetof(exclusive_lock, bias_) == 1); // unlock_bias.hpp
    rt::mutex_queue queue(queue_lock_, waiters_);
    bias_.rebias(queue);
}

void exclusive_lock::unlock_slow(lock_kind kind, word seen) noexcept {
    if (seen == free)
        rt::report_misuse(kind, this, "unlocked, but it was not locked");
    rt::mutex_queue queue(queue_lock_, waiters_);
    do {
        queue.lock();
        if (auto* const first = static_cast<mutex_waiter*>(queue.claim_front())) {
            auto const ticket = first->key;
            auto const since = first->since;
            if (first->starving) {
                first->granted = true;
                // relaxed: the mutex stays locked, and the unpark orders
                state_.store(queue.empty() ? locked : contended, std::memory_order_relaxed);
                queue.unlock();
            } else {
                queue.unlock();
                state_.store(free, std::memory_order_release); // [mutex.hand_on]
            }
            rt::unpark(ticket, since); // *this and *first may be destroyed here
            return;
        }
        // relaxed: the queue is empty. A designated waker or a new agent sets 2 again under the
        // queue lock
        state_.store(locked, std::memory_order_relaxed);
        queue.unlock();
    } while (state_.fetch_sub(1, std::memory_order_release) != locked); // [mutex.hand_on]
    // *this may be destroyed here
}

} // namespace fiber::detail
