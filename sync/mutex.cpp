// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// mutex.cpp: what a mutex, of any kind, does when more than one party wants it.
//
//   state_       means                                                   who may change it
//   0 free       nobody has it                                           anyone: to 1, and it is theirs
//   1 locked     one has it                                              the owner: -1 frees it
//   2 contended  and somebody has asked for it since: the owner must     the owner: -1 leaves it locked, and the owner
//                look at the queue before it frees it                    looks at the queue
//
//   The owner frees it by a plain store, too, if nobody has asked for it for long: [mutex.bias].
//   Whoever holds the queue lock may set 2 instead of 1. 2 without need costs one slow unlock. 1 with a waiter, and no
//   designated waker under way, is a lost wake-up. Those who spin do not ask: the owner goes on at full speed.
//
//   A designated waker is a waiter that has been taken out of the queue and woken without the lock; or one that revokes the bias
//   ([mutex.bias]). It is under way to the queue lock, where it sets 2, either as the next owner or as
//   one who asks, again or for the first time.
//
// invariant  a waiter is queued only while state_ is 2, or a designated waker is under way, or the owner has done the
//            first step of a slow unlock and not yet taken the queue lock.
//
// [mutex.queue]  lock_slow: found it locked                    unlock_slow: its -1 found 2, so it is the owner
//              1 lock the queue                              1 lock the queue
//              2 exchange state_ for 2                       2 waiter = front, taken out; none: state_ = 1
//              3 was 0: the owner. Unlock the queue          3 unlock the queue
//              4 else push, park, unlock the queue           4 waiter: state_ = 0, then unpark it
//                                                            5 none: -1. It was 1: free. It was 2: again from 1
//
//   One side has the queue first. The left: right.2 finds the waiter. The right, with a waiter: that one
//   becomes a designated waker, and left's 2, if it comes before right.4 and is overwritten by it, is set again by the
//   designated waker. The right, without a waiter: left.2 comes before right.5, which then finds 2; or after it, and
//   finds 0. A fast lock takes 0 only, and a fast unlock subtracts 1: so neither wipes out that somebody has asked.
//
// [mutex.destruction] Once state_ is 0, another party may lock, unlock and destroy the mutex. The store or RMW that frees it
//   in unlock(), and right.5, is therefore the last access. At right.4 the waiter is in lock(), so the mutex is
//   there until it has been unparked; the ticket was copied before. This is why the queue lock is released
//   before state_ is 0, and why unlock() must not free a mutex that has waiters and only then look for them.
//
// [mutex.bias] A mutex that nobody has had to wait for lately is unlocked by a plain store, which may wipe out a 2. So those
//   who ask look at its bias_ first.
//              unlock, by the owner               lock_by_waiting                        try_rebias, by the owner
//              1 bias_ == biased?                 1 lock the queue                       1 lock the queue
//              2 then state_ = 0 and              2 bias_ == biased? Else 6              2 empty? bias_ = biased
//                uncontended_unlocks_ = 0, by     3 bias_ = unbiased, unlock it          3 unlock the queue
//                one plain store;                 4 rseq_barrier
//                else subtract 1                  5 again from 1
//                                                 6 [mutex.queue] left 2
//
//   Left 1 and 2 are a restartable sequence (asm/unlock_biased_x86_64.S). At middle.4 a left.2 that is to come either has been
//   done, and middle.6 sees it; or its owner has not looked yet, and sees unbiased; or is between the two, and the kernel sends
//   it to the subtraction. From 3 on the party is a designated waker. Those who come meanwhile find it unbiased and ask at once: a left.2
//   that has seen it biased may wipe out their 2, but the designated waker sets it again.
//   Let a waiter be queued, and take the last middle.3 before. Either its party is a designated waker still; or it has come to 6, and
//   sequences that have seen it biased are over: for right.2 has not come since, or middle.3 would have, too. Nor does it come
//   while somebody is queued, so the waiter's 2 stays. A designated waker that finds it biased at 2, after right.2, must restart the
//   sequences once more, since new ones have begun: it is one of the next ones then, like a designated waker that had been waiting.
//   Hence whoever is the owner may do left 1 and 2, and uncontended_unlocks_ is but a hint.
//
//   What right.2 brings is lost with the next middle.4, which takes as long as a thousand subtractions. So it comes after
//   16,000 unlocks in a row with nobody asking, and only while restarts have been cheap on the whole. They are counted by the
//   subtraction: its carry.
//
//   byte                  value                                              who may change it    if wrong
//   uncontended_unlocks_  negative: try left 1 and 2, and if it is unbiased  the owner            a slower unlock
//                         by then, count a round. Else how many
//                         subtractions there have been, up to 127
//   bias_                 0 biased. Else unbiased, and how many rounds,      under the queue      0 with a waiter: a lost
//                         less one, there have been since the last one       lock; to 0: right.2  wake-up
//                         asked
//
// A waiter whose time is up, or that is stopped, takes itself out of the queue and leaves state_ as it is; a designated waker first
// goes to the queue like any other, and so leaves 2 behind.
//
// A waiter that has waited for `starvation_threshold` and finds the lock taken once more says so in its node and goes to
// the front of the queue. The next unlock then leaves state_ locked and gives it the ownership: a grant.
//
// The party that unlocks runs on, and may lock again for as long as it likes without ever parking: so a waiter is not left
// in the queue of that one's processor if another one has nothing to do.
#include <fiber/detail/exclusive_lock.hpp>

#include "runtime/base/cpu_relax.hpp"
#include "runtime/base/rseq.hpp"
#include "runtime/base/spinlock.hpp"
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
    // [fork] A party may hold the mutex over a fork, and must find it in order in the child, whoever else was there.
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
    rt::clock::time_point const since; // it waits, the times before it became a designated waker included
    bool const starving;               // the next unlock grants
    bool granted = false;              // set by that unlock, before the unpark
};

// Go's. Shorter: more switches under load. Longer: less fair.
constexpr auto starvation_threshold = std::chrono::milliseconds(1);

// Looks at the lock while it spins, and pauses between them: about 4 µs in all, less than the wake-up of an idle
// machine. More only burns when the owner is not running. Each look takes the line from the owner: with one after each
// pause, a hundred fibers on two processors take 140 ns a lock, so 25.
constexpr int spin_rounds = 4;
constexpr int pauses_per_round = 30;

// Of 128 unlocks each, before a mutex is biased again: about 0.3 ms of nothing else, thirty restarts. Fewer: those that
// are waited for again and again use up what restarts may cost. More: a program has to lock for longer to gain from it.
constexpr std::uint8_t rounds_before_rebias = 128;

} // namespace

// Takes the mutex if it becomes free within a few microseconds. `taken` is the value to leave in state_.
bool exclusive_lock::spin(word taken) noexcept {
    if (!rt::spinning_may_help())
        return false;
    for (int i = 0; i < spin_rounds; ++i) {
        // relaxed, as for a CAS that fails: nothing is gained yet
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

[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH bool
exclusive_lock::lock_by_waiting(deadline_or_stop until) noexcept {
    queue_lock queue_guard(queue_lock_, waiters_);
    auto const since = rt::clock::now();
    bool starving = false;
    for (bool designated_waker = false;; designated_waker = true) {
        mutex_waiter me(rt::ticket_until(until), since, starving);
        queue_guard.lock();
        rt::wait_queue queue(waiters_);
        // [mutex.bias] middle. relaxed: under the queue lock; the others learn of it by the restart
        while (bias_.load(std::memory_order_relaxed) == biased) {
            bias_.store(unbiased, std::memory_order_relaxed);
            queue_guard.unlock();
            rt::rseq_barrier();
            queue_guard.lock();
        }
        bias_.store(unbiased, std::memory_order_relaxed); // relaxed: as above. No round counts any more
        // [mutex.queue]
        auto const seen = state_.exchange(contended, std::memory_order_acquire); // [mutex.hand_on]
        if (seen == free) {
            if (queue.empty())
                state_.store(locked, std::memory_order_relaxed); // relaxed: ours; spares a slow unlock
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
        if (spin(contended)) // a designated waker must leave 2: there may be others in the queue
            return true;
        starving = rt::clock::now() - since >= starvation_threshold;
    }
}

// [mutex.bias] right, or counts a round.
void exclusive_lock::try_rebias() noexcept {
    // relaxed: a hint, and the clock is not to be read under the queue lock
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
                // relaxed: it stays locked, and the unpark orders
                state_.store(queue.empty() ? locked : contended, std::memory_order_relaxed);
                queue_guard.unlock();
            } else {
                queue_guard.unlock();
                state_.store(free, std::memory_order_release); // [mutex.hand_on]
            }
            rt::unpark(ticket, since); // *this and *first may be gone
            return;
        }
        // relaxed: those who have asked will do so again, under the queue lock
        state_.store(locked, std::memory_order_relaxed);
        queue_guard.unlock();
    } while (state_.fetch_sub(1, std::memory_order_release) != locked); // [mutex.hand_on]
    // *this may be gone
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
    if (until.when == never) // an attempt that only others can end, be it by a stop, makes an order
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
