// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// unlock_bias.cpp: ends and renews the bias of a mutex.
//
// [mutex.bias] A mutex that had no waiter for some time is biased: its owner unlocks by a plain
// store. That store may overwrite a concurrent 2 in the state (exclusive_lock.cpp), so an agent that
// is about to wait revokes the bias first.
//
//      try_unlock, by the owner                 revoke, then L2 of [mutex.queue]   rebias, by the owner
//   S1 biased?                               W1 lock the queue                  R1 lock the queue
//   S2 yes: one plain store sets state_ = 0  W2 biased? else W6                 R2 queue empty, budget left:
//      and uncontended_unlocks_ = 0          W3 unbiased; unlock the queue         biased
//      no: fetch_sub(state_, 1)              W4 rseq_barrier()                  R3 unlock the queue
//                                            W5 back to W1
//                                            W6 L2 of [mutex.queue]
//
//   S1 and S2 are a restartable sequence (asm/rseq/unlock_biased_x86_64.S). W4 meets an owner in one of
//   three places:
//   after S2           The store is done, and W6 sees it.
//   before S1          S1 will see the mutex unbiased.
//   between S1 and S2  The kernel aborts the sequence, and the owner subtracts.
//
//   Claim: the 2 of a queued waiter can be overwritten only while a designated waker will set it
//   again. Let W3 be the last revocation before the waiter was queued, and R the agent that did it.
//   R is between W3 and W6  R is a designated waker. It sets 2 at W6, whatever a late S2 has overwritten.
//   R has passed W6         W4 is complete: after an S1 that saw the bias, S2 is done or was aborted.
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
//   is a 16-bit addition, and its carry increments the byte beside state_.
//
//   byte                  value                                 changed by             if wrong
//   uncontended_unlocks_  < 0: the next unlock tries S1; if     the owner              a slower unlock
//                         the mutex is unbiased, it counts
//                         a round instead
//                         0..127: subtractions since then
//   rounds_unbiased_      0: biased                             the holder of the      0 with a waiter:
//                         n > 0: unbiased, n - 1 rounds since   queue lock; to 0: R2   a lost wake-up
//                         an agent has asked for the mutex
#include <fiber/detail/unlock_bias.hpp>

#include "runtime/base/atomics/rseq.hpp"
#include "sync/mutex_queue.hpp"

namespace fiber::detail {
namespace {

// Rounds of 128 unlocks without a waiter before a mutex is biased again. Fewer: mutexes that are
// waited for again and again use up the revocation budget. More: a program must lock for longer
// before it gains from the bias. perf/run mutex
constexpr std::uint8_t rounds_before_rebias = 128;

} // namespace

// Executes W2 to W5. relaxed: rounds_unbiased_ is changed under the queue lock; rseq_barrier() makes
// the owner see it
void unlock_bias::revoke_slow(rt::mutex_queue& queue) noexcept {
    do {
        rounds_unbiased_.store(unbiased, std::memory_order_relaxed);
        queue.unlock();
        rt::rseq_barrier();
        queue.lock();
    } while (rounds_unbiased_.load(std::memory_order_relaxed) == biased);
}

void unlock_bias::rebias(rt::mutex_queue& queue) noexcept {
    // relaxed: a hint. within_revocation_budget() reads the clock, so the queue lock must not be held
    bool const cheap = rounds_unbiased_.load(std::memory_order_relaxed) > rounds_before_rebias &&
                       rt::within_revocation_budget();
    queue.lock();
    // relaxed: under the queue lock
    auto const rounds = rounds_unbiased_.load(std::memory_order_relaxed);
    if (rounds <= rounds_before_rebias)
        rounds_unbiased_.store(static_cast<std::uint8_t>(rounds + 1), std::memory_order_relaxed);
    else
        rounds_unbiased_.store(cheap && queue.empty() ? biased : unbiased, std::memory_order_relaxed);
    queue.unlock();
}

} // namespace fiber::detail
