// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// condition_variable.cpp: a queue of contested waits. A notification, a timer or a stop request
// ends such a wait.
//
// [cv.hint] notify reads waiting_ without the queue lock. A waiter counts itself before it unlocks
//   the mutex, and an agent changes the condition with the mutex held. There are three cases:
//   the change is before the waiter's check  The waiter does not wait.
//   the change is after the waiter's unlock  The notification sees the count.
//   the notification is not ordered          It is as good as one before the wait.
//
// [cv.destruction] A notification that reads 0 takes no lock, and *this may be destroyed right
//   after it. The read is therefore an acquire. It pairs with the release by which an agent that
//   has timed out subtracts itself: that is the agent's last access.
//
// A waiter is queued before the mutex is unlocked, so no notification is missed. The notification
// may come before the waiter has parked; contested waits allow that. After its wait, a woken agent
// does not touch *this. An agent that timed out or was stopped touches *this only if it is still
// queued: [queue.outlive].
//
// [cv.unlock] An agent has at most one open wait, and the unlock of a user's lock may wait, too,
//   for example in a channel. The agent is therefore queued first with the key not_open. A
//   notification only takes such a waiter out of the queue; the agent sees that after the unlock.
//   If it is still queued then, it opens its wait and replaces the first waiter.
//
// A stop request ends a wait as a timer does: [wait.stop].
#include <fiber/condition_variable.hpp>

#include "runtime/base/lock/queue_lock.hpp"
#include "sync/misuse.hpp"
#include "sync/waiting.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace fiber::detail {
namespace {

// Number of waits that notify_all ends each time it holds the queue lock. It bounds the time under
// the lock, and the stack that notify_all needs to 512 bytes. perf/micro/sync, condition_variable
constexpr std::size_t batch = 32;

// [cv.unlock] The wait_id in the key of a waiter that is still unlocking. No open wait has this
// number.
constexpr std::uint64_t not_open = 1;

[[nodiscard]] bool still_unlocks(rt::waiter const& w) noexcept {
    return w.key.wait_id == not_open && !w.key.who->is_from_parent(); // [fork]
}

// Claims waits from the front of the queue until `won` is full, or none of the first `present`
// waiters is left. Also takes out waiters that have timed out or were stopped, and waiters that are
// still unlocking, which notifies them. Returns the number of waits won; the caller must unpark
// their agents.
std::size_t claim_locked(wait_list& waiters, std::atomic<std::uint32_t>& waiting, std::uint32_t& present,
                         std::span<rt::ticket> won) noexcept {
    rt::wait_queue queue(waiters);
    auto const before = present;
    std::size_t n = 0;
    for (; n < won.size() && present != 0; --present) {
        rt::waiter const* const first = queue.pop_front();
        if (rt::agent::claim(first->key))
            won[n++] = first->key;
    }
    // relaxed: changed under the queue lock only
    waiting.store(waiting.load(std::memory_order_relaxed) - (before - present), std::memory_order_relaxed);
    return n;
}

rt::wait_outcome park_until(rt::ticket key, deadline until, void const* what) noexcept {
    auto const end = rt::park_until(key, until, rt::wait_reason::condition_variable, what, []() noexcept {});
    return end == rt::wait_end::timed_out ? rt::wait_outcome::timed_out : rt::wait_outcome::woken;
}

} // namespace

void condition::enqueue(rt::waiter& me) noexcept {
    auto& queue_lock = rt::queue_lock_of(this);
    queue_lock.lock();
    rt::wait_queue(waiters_).push_back(me);
    // relaxed: waiting_ changes only under the queue lock, so each load under it is relaxed, too.
    // The unlock of the mutex makes the store visible: [cv.hint]
    waiting_.store(waiting_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    queue_lock.unlock();
}

// Waits by calling park(me.key), which returns how the wait ended. Dequeues `me` after a timeout or
// a stop.
template <class Park>
[[gnu::always_inline]] inline std::cv_status condition::park_queued(rt::waiter& me, Park park) noexcept {
    rt::wait_outcome const end = park(me.key);
    if (end != rt::wait_outcome::woken) {
        rt::queued_wait queued(rt::queue_lock_of(this), waiters_);
        if (queued.withdraw(me)) // [cv.destruction]
            waiting_.store(waiting_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
    }
    return end == rt::wait_outcome::timed_out ? std::cv_status::timeout : std::cv_status::no_timeout;
}

FIBER_PARKS std::cv_status condition::wait(lock_operations const& lock, deadline until) noexcept {
    rt::waiter me(rt::self().open_wait());
    enqueue(me);
    lock.unlock(lock.lock);
    auto const status =
        park_queued(me, [this, until](rt::ticket key) noexcept { return park_until(key, until, this); });
    lock.relock(lock.lock);
    return status;
}

// [cv.unlock] Queues the agent, unlocks, and only then opens its wait, if it is still queued.
template <class Park>
[[gnu::always_inline]] inline std::cv_status condition::wait_any_by(lock_operations const& lock,
                                                                    Park park) noexcept {
    rt::waiter unlocking(rt::ticket{&rt::self(), not_open});
    enqueue(unlocking);
    lock.unlock(lock.lock);

    auto status = std::cv_status::no_timeout;
    auto& queue_lock = rt::queue_lock_of(this);
    queue_lock.lock();
    if (!unlocking.queued()) { // notified: *this may be destroyed
        queue_lock.unlock();
    } else {
        rt::waiter me(rt::self().open_wait());
        rt::wait_queue(waiters_).replace(unlocking, me);
        queue_lock.unlock();
        status = park_queued(me, park);
    }
    lock.relock(lock.lock);
    return status;
}

FIBER_PARKS std::cv_status condition::wait_any(lock_operations const& lock, deadline until) noexcept {
    return wait_any_by(lock, [this, until](rt::ticket key) noexcept { return park_until(key, until, this); });
}

std::cv_status condition::wait_any(lock_operations const& lock, deadline until,
                                   std::stop_token const& stop) noexcept {
    return wait_any_by(lock, [this, until, &stop](rt::ticket key) noexcept {
        return rt::park_stoppable(key, until, stop, rt::wait_reason::condition_variable, this);
    });
}

void condition::notify_first() noexcept {
    auto& queue_lock = rt::queue_lock_of(this);
    rt::ticket won;
    queue_lock.lock();
    rt::wait_queue queue(waiters_);
    auto present = waiting_.load(std::memory_order_relaxed);
    while (rt::waiter const* const first = queue.pop_front()) {
        --present;
        if (still_unlocks(*first)) // [cv.unlock]
            break;
        if (rt::agent::claim(first->key)) {
            won = first->key;
            break;
        }
    }
    waiting_.store(present, std::memory_order_relaxed); // relaxed: changed under the queue lock only
    queue_lock.unlock();                                // *this may be destroyed here
    if (won.who != nullptr)
        rt::unpark(won);
}

void condition::notify_each() noexcept {
    auto& queue_lock = rt::queue_lock_of(this);
    std::array<rt::ticket, batch> won;
    std::size_t kept = 0;
    queue_lock.lock();
    auto present = waiting_.load(std::memory_order_relaxed); // later waiters are not notified
    for (;;) {
        auto const n = kept + claim_locked(waiters_, waiting_, present, std::span(won).subspan(kept));
        queue_lock.unlock();
        kept = present != 0 ? 1 : 0; // *this may not be destroyed while a claimed waiter still waits
        {
            rt::unpark_batch all;
            for (std::size_t i = 0; i < n - kept; ++i)
                all.add(won[i]);
        }
        if (kept == 0) // *this may be destroyed here
            return;
        won[0] = won[n - 1];
        queue_lock.lock();
        present = std::min(present, waiting_.load(std::memory_order_relaxed));
    }
}

void condition::report_destroyed_in_use() const noexcept {
    rt::report_destroyed_in_use("fiber::condition_variable", this, "others wait for it");
}

void condition::report_wait_without_lock() const noexcept {
    rt::report_misuse("fiber::condition_variable", this,
                      "waited on with a lock that does not hold its mutex");
}

} // namespace fiber::detail
