// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// condition_variable.cpp: a queue of contested waits, which a notification, a timer or a stop request ends.
//
// [cv.hint] notify reads waiting_ without the lock. A waiter counts itself before it unlocks the
//   mutex. Whoever changes what it waits for does so with the mutex held: before the waiter has looked at it,
//   and then it does not wait; or after it has unlocked, and then the count is visible. A notification that
//   is ordered by nothing with respect to the wait is as good as one that came before it.
//
// [cv.destruction] A notification that reads 0 takes no lock, and *this may be destroyed right after it. The read is
//   therefore an acquire, of the release with which a party whose time was up has counted itself out: its
//   last access.
//
// The waiter is queued before the mutex is unlocked, so no notification is missed; it may come before the
//   waiter has parked, for which contested waits are made. After the wait has ended, the party that was woken
//   does not touch *this, and the one whose time was up, or who was stopped, only if it is still queued: see
//   [queue.outlive].
//
// [cv.unlock] A party has one open wait at a time, and the unlock of a lock that is not ours may wait, too: in a channel, say.
//   The party is therefore queued as one that has not opened its wait yet. A notification takes it out, and that is all;
//   the party sees that once it has unlocked. If it is queued still, it opens its wait and takes its own place.
//
// A stop request ends a wait as a timer does: [wait.stop].
#include <fiber/condition_variable.hpp>

#include "runtime/base/queue_lock.hpp"
#include "sync/misuse.hpp"
#include "sync/waiting.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace fiber::detail {
namespace {

// How many waits notify_all ends between two looks at the queue: it bounds the time for which the lock is
// held, to about 1 µs, and the stack that it takes, to 512 bytes.
constexpr std::size_t batch = 32;

// [cv.unlock] The key of one that still unlocks. No wait has this number.
constexpr std::uint64_t not_open = 1;

[[nodiscard]] bool still_unlocks(rt::waiter const& w) noexcept {
    return w.key.wait_id == not_open && !w.key.who->is_from_parent(); // [fork]
}

// Wins waits from the front of the queue until `won` is full, or none of the first `present` waiters is left.
// A waiter whose wait had already ended is taken out too, and one that still unlocks is notified by that. Returns the
// number of waits won; the caller must unpark their parties.
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
    // relaxed, as is each load under the queue lock, under which alone waiting_ changes; seen by [cv.hint]
    waiting_.store(waiting_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    queue_lock.unlock();
}

// park(ticket) parks, and returns how the wait ended.
template <class Park>
[[gnu::always_inline]] inline std::cv_status condition::park_queued(rt::waiter& me, Park park) noexcept {
    rt::wait_outcome const end = park(me.key);
    if (end != rt::wait_outcome::woken) {
        auto& queue_lock = rt::queue_lock_of(this);
        queue_lock.lock();
        if (me.queued()) { // else *this may be gone
            rt::wait_queue(waiters_).remove(me);
            // [cv.destruction]
            waiting_.store(waiting_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
        }
        queue_lock.unlock();
    }
    return end == rt::wait_outcome::timed_out ? std::cv_status::timeout : std::cv_status::no_timeout;
}

FIBER_RETURN_FROM_SWITCH std::cv_status condition::wait(lock_operations const& lock,
                                                        deadline until) noexcept {
    rt::waiter me(rt::self().open_wait());
    enqueue(me);
    lock.unlock(lock.lock);
    auto const status =
        park_queued(me, [this, until](rt::ticket key) noexcept { return park_until(key, until, this); });
    lock.relock(lock.lock);
    return status;
}

// [cv.unlock]
template <class Park>
[[gnu::always_inline]] inline std::cv_status condition::wait_any_by(lock_operations const& lock,
                                                                    Park park) noexcept {
    rt::waiter unlocking(rt::ticket{&rt::self(), not_open});
    enqueue(unlocking);
    lock.unlock(lock.lock);

    auto status = std::cv_status::no_timeout;
    auto& queue_lock = rt::queue_lock_of(this);
    queue_lock.lock();
    if (!unlocking.queued()) { // *this may be gone
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

FIBER_RETURN_FROM_SWITCH std::cv_status condition::wait_any(lock_operations const& lock,
                                                            deadline until) noexcept {
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
    queue_lock.unlock();                                // *this may be gone
    if (won.who != nullptr)
        rt::unpark(won);
}

void condition::notify_each() noexcept {
    auto& queue_lock = rt::queue_lock_of(this);
    std::array<rt::ticket, batch> won;
    std::size_t kept = 0;
    queue_lock.lock();
    auto present = waiting_.load(std::memory_order_relaxed); // those who come later are not meant
    for (;;) {
        auto const n = kept + claim_locked(waiters_, waiting_, present, std::span(won).subspan(kept));
        queue_lock.unlock();
        kept = present != 0 ? 1 : 0; // while one that was claimed still waits, *this may not be destroyed
        {
            rt::unpark_batch all;
            for (std::size_t i = 0; i < n - kept; ++i)
                all.add(won[i]);
        }
        if (kept == 0) // *this may be gone
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
