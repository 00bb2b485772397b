// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// mutex.cpp: the slow paths of every mutex: waiting, waking, and revoking the bias.
//
//   state_       means                                             may be changed by
//   0 free       no agent holds the mutex                          any agent: to 1, and becomes the owner
//   1 locked     an agent holds the mutex                          the owner: subtracts 1, which frees it
//   2 contended  an agent holds it, another has asked for it       the owner: subtracts 1, which leaves it
//                                                                  locked; then it looks at the queue
//
//   The owner of a biased mutex frees it by a plain store instead: [mutex.bias]. The holder of the
//   queue lock may write 2 instead of 1. A needless 2 costs one slow unlock. A 1 with a waiter in
//   the queue and without a designated waker is a lost wake-up.
//   An agent that spins does not write 2, so the owner's unlock stays fast.
//
// A designated waker is an agent on its way to the queue lock, where it sets 2. There are two kinds:
//   - a waiter that an unlock has taken out of the queue and woken without granting it the mutex;
//   - an agent that revokes the bias: [mutex.bias], W3 to W6.
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
// [mutex.bias] A mutex that had no waiter for some time is biased: its owner unlocks by a plain
// store. That store may overwrite a concurrent 2, so an agent that is about to wait revokes the
// bias first.
//
//      unlock, by the owner                     lock_by_waiting                    try_rebias, by the owner
//   S1 bias_ == biased?                      W1 lock the queue                  R1 lock the queue
//   S2 yes: one plain store sets state_ = 0  W2 bias_ == biased? else W6        R2 queue empty, budget left:
//      and uncontended_unlocks_ = 0          W3 bias_ = unbiased; unlock queue     bias_ = biased
//      no: fetch_sub(state_, 1)              W4 rseq_barrier()                  R3 unlock the queue
//                                            W5 back to W1
//                                            W6 L2 of [mutex.queue]
//
//   S1 and S2 are a restartable sequence (asm/rseq/unlock_biased_x86_64.S). W4 meets an owner in one of
//   three places:
//   after S2           The store is done, and W6 sees it.
//   before S1          S1 will see `unbiased`.
//   between S1 and S2  The kernel aborts the sequence, and the owner subtracts.
//
//   Claim: the 2 of a queued waiter can be overwritten only while a designated waker will set it
//   again. Let W3 be the last revocation before the waiter was queued, and R the agent that did it.
//   R is between W3 and W6  R is a designated waker. It sets 2 at W6, whatever a late S2 has overwritten.
//   R has passed W6         W4 is complete: after an S1 that saw `biased`, S2 is done or was aborted.
//                           No new bias exists. R2 needs an empty queue. A bias set before the waiter
//                           came would have made the waiter execute W3 itself, after the last W3.
//   An agent that comes between W3 and W6 of another agent finds the mutex unbiased and sets 2 at
//   once. A late S2 may overwrite this 2; the revoking agent sets it again. A designated waker that
//   finds a new bias at W2 revokes it again, because new sequences may have begun. This is true for
//   both kinds of designated waker.
//   The proof does not use uncontended_unlocks_: any owner may execute S1 and S2. The byte is only
//   a hint.
//
//   A revocation is far slower than a subtraction. Therefore R2 biases a mutex only after
//   rounds_before_rebias rounds of 128 unlocks without a waiter, and only within the process's
//   revocation budget (rt::within_revocation_budget). Counting the unlocks is free: the subtraction
//   is a 16-bit xadd, and its carry increments the byte beside state_.
//
//   byte                  value                                 changed by             if wrong
//   uncontended_unlocks_  < 0: the next unlock tries S1; if     the owner              a slower unlock
//                         the mutex is unbiased, it counts
//                         a round instead
//                         0..127: subtractions since then
//   bias_                 0: biased                             the holder of the      0 with a waiter:
//                         n > 0: unbiased, n - 1 rounds since   queue lock; to 0: R2   a lost wake-up
//                         an agent has asked for the mutex
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
#include "runtime/base/atomics/rseq.hpp"
#include "runtime/base/lock/spinlock.hpp"
#include "runtime/spin_hint.hpp"
#include "sync/lock_watch.hpp"
#include "sync/misuse.hpp"
#include "sync/waiting.hpp"

#include <chrono>

namespace fiber::detail {
namespace {

class queue_lock {
public:
    queue_lock(std::atomic<std::uint32_t>& word, wait_list& waiters) noexcept
        : word_(word), waiters_(waiters) {}
    // [fork] An agent may hold the mutex across a fork, and must find it intact in the child. The
    // waiters in the queue do not exist there, so the queue is emptied.
    void lock() noexcept {
        if (word_.lock_unchecked() != rt::guarded_data::ours) [[unlikely]]
            rt::wait_queue(waiters_).forget_all();
    }
    void unlock() noexcept { word_.unlock(); }

private:
    rt::spin_word<rt::lock_rank::wait_queue> word_;
    wait_list& waiters_;
};

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

// Rounds of 128 unlocks without a waiter before a mutex is biased again. Fewer: mutexes that are
// waited for again and again use up the revocation budget. More: a program must lock for longer
// before it gains from the bias. perf/run mutex
constexpr std::uint8_t rounds_before_rebias = 128;

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
    queue_lock queue_guard(queue_lock_, waiters_);
    auto const since = rt::clock::now();
    bool starving = false;
    for (bool designated_waker = false;; designated_waker = true) {
        mutex_waiter me(rt::ticket_until(until), since, starving);
        queue_guard.lock();
        rt::wait_queue queue(waiters_);
        // [mutex.bias] W2 to W5. relaxed: changed under the queue lock; rseq_barrier() makes the
        // owner see it
        while (bias_.load(std::memory_order_relaxed) == biased) {
            bias_.store(unbiased, std::memory_order_relaxed);
            queue_guard.unlock();
            rt::rseq_barrier();
            queue_guard.lock();
        }
        bias_.store(unbiased, std::memory_order_relaxed); // relaxed: as above. Resets the rounds
        // [mutex.queue] L2
        auto const seen = state_.exchange(contended, std::memory_order_acquire); // [mutex.hand_on]
        if (seen == free) {
            if (queue.empty())
                state_.store(locked, std::memory_order_relaxed); // relaxed: the owner's; avoids a slow unlock
            queue_guard.unlock();
            return true;
        }
        if (designated_waker)
            queue.push_front(me);
        else
            queue.push_back(me);
        if (rt::park_queued(me, until, rt::wait_reason::mutex, this,
                            [&queue_guard]() noexcept { queue_guard.unlock(); }) == rt::wait_end::timed_out) {
            queue_guard.lock();
            if (me.queued())
                queue.remove(me);
            queue_guard.unlock();
            return false;
        }
        if (me.granted)
            return true;
        if (spin(contended)) // a designated waker must leave 2: the queue may hold other waiters
            return true;
        starving = rt::clock::now() - since >= starvation_threshold;
    }
}

// Executes R1 to R3 of [mutex.bias] after enough rounds; otherwise counts a round.
void exclusive_lock::try_rebias() noexcept {
    // relaxed: a hint. within_revocation_budget() reads the clock, so the queue lock must not be held
    bool const cheap =
        bias_.load(std::memory_order_relaxed) > rounds_before_rebias && rt::within_revocation_budget();
    queue_lock queue_guard(queue_lock_, waiters_);
    queue_guard.lock();
    // relaxed: under the queue lock
    auto const rounds = bias_.load(std::memory_order_relaxed);
    if (rounds <= rounds_before_rebias)
        bias_.store(static_cast<std::uint8_t>(rounds + 1), std::memory_order_relaxed);
    else
        bias_.store(cheap && waiters_.empty() ? biased : unbiased, std::memory_order_relaxed);
    queue_guard.unlock();
}

void exclusive_lock::unlock_slow(lock_kind kind, word seen) noexcept {
    if (seen == free)
        rt::report_misuse(kind, this, "unlocked, but it was not locked");
    queue_lock queue_guard(queue_lock_, waiters_);
    do {
        queue_guard.lock();
        rt::wait_queue queue(waiters_);
        if (auto* const first = static_cast<mutex_waiter*>(queue.claim_front())) {
            auto const ticket = first->key;
            auto const since = first->since;
            if (first->starving) {
                first->granted = true;
                // relaxed: the mutex stays locked, and the unpark orders
                state_.store(queue.empty() ? locked : contended, std::memory_order_relaxed);
                queue_guard.unlock();
            } else {
                queue_guard.unlock();
                state_.store(free, std::memory_order_release); // [mutex.hand_on]
            }
            rt::unpark(ticket, since); // *this and *first may be destroyed here
            return;
        }
        // relaxed: the queue is empty. A designated waker or a new agent sets 2 again under the
        // queue lock
        state_.store(locked, std::memory_order_relaxed);
        queue_guard.unlock();
    } while (state_.fetch_sub(1, std::memory_order_release) != locked); // [mutex.hand_on]
    // *this may be destroyed here
}

void exclusive_lock::check_destroyable_slow(lock_kind kind) const noexcept {
    // relaxed: as in check_destroyable()
    bool const is_locked = state_.load(std::memory_order_relaxed) != free;
    if (is_locked || !waiters_.empty())
        rt::report_destroyed_in_use(kind, this, waiters_.empty() ? "it is locked" : "others wait for it");
    if (watching_locks)
        rt::lock_watch::forget(this);
}

bool exclusive_lock::lock_watched(lock_kind kind, deadline_or_stop until) noexcept {
    if (until.when == never) // a lock with a deadline cannot deadlock; a lock with a stop token can
        rt::lock_watch::about_to_lock({this, kind});
    if (!try_acquire() && !lock_slow(until))
        return false;
    note_locked(kind);
    return true;
}

void exclusive_lock::note_locked(lock_kind kind) const noexcept { rt::lock_watch::locked({this, kind}); }

void exclusive_lock::unlock_watched(lock_kind kind) noexcept {
    rt::lock_watch::about_to_unlock({this, kind});
    auto const seen = state_.fetch_sub(1, std::memory_order_release); // [mutex.hand_on]
    if (seen != locked)
        unlock_slow(kind, seen);
}

} // namespace fiber::detail
