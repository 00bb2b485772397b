// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// weighted_semaphore.cpp: what it does when units are missing.
//
//   bits   name    set                          cleared                      if wrong
//   0      waited  by the first that waits,     by the party that empties    clear with waiters: a lost wake-up, or
//                  under the queue lock         the queue, under its lock    one is overtaken; set without: all go
//                                                                            the slow way
//   1..63  units   that are free                                             a unit is lost, or had twice
//
// invariant  outside of the queue lock, waited is set exactly while the queue is not empty
//
// [weighted.queue]
//     acquire_slow                       release, waited is clear          release_slow
//   1 lock the queue                   1 add k, in one CAS from a word   1 lock the queue
//   2 in one CAS from a word with        with waited clear               2 add k
//     waited clear: take k, or set                                       3 waited is set: serve the front while
//     waited                                                               it can be; clear waited if that was
//   3 took k: unlock, return                                               all
//   4 push, park, unlock the queue                                       4 unlock the queue; unpark them
//
//   While waited is set, the word changes under the queue lock only, because the fast ways start from a word
//   with waited clear. Either middle.1 comes before left.2, which then sees its units. Or it comes after left.2
//   and fails; the party goes the slow way, and has the queue after left.4. If waited is set already at left.2,
//   others stand in front, and a release serves them first.
//
// A party that is stopped takes itself out of the queue. It may have stood in front of parties that need less;
//   therefore it serves the queue as a release does. A release that meets it before that takes it out as well,
//   and goes on to the next. Until then it may keep the parties behind it waiting: for the time that it takes
//   to run.
//
// [weighted.destruction] The semaphore may be destroyed once no party is in an acquire any more. The last access of a
//   release is middle.1 or right.3: the lock is not the semaphore's, see [queue.outlive], and the parties that
//   right.3 serves return after right.4 only.
#include <fiber/weighted_semaphore.hpp>

#include "runtime/base/queue_lock.hpp"
#include "sync/misuse.hpp"
#include "sync/waiting.hpp"

#include <stdexcept>
#include <string>

namespace fiber {
namespace {

struct weighted_waiter : rt::waiter {
    weighted_waiter(rt::ticket t, std::ptrdiff_t k) noexcept : rt::waiter(t), wanted(k) {}
    std::ptrdiff_t const wanted;
};

} // namespace

FIBER_RETURN_FROM_SWITCH bool weighted_semaphore::acquire_slow(std::ptrdiff_t k,
                                                               detail::deadline_or_stop until) noexcept {
    auto& queue_lock = rt::queue_lock_of(this);
    weighted_waiter me(rt::ticket_until(until), k);
    // [weighted.queue] left
    queue_lock.lock();
    auto seen = state_.load(std::memory_order_relaxed); // relaxed: the exchange below orders
    while ((seen & waited) == 0) {
        bool const enough = seen >= step * k;
        // acquire also where nothing is taken: it comes before what the next release does under the lock
        if (!state_.compare_exchange_weak(seen, enough ? seen - step * k : seen | waited,
                                          std::memory_order_acquire, // [weighted.hand_on]
                                          std::memory_order_relaxed))
            continue;
        if (enough) {
            queue_lock.unlock();
            return true;
        }
        break;
    }
    rt::wait_queue(waiters_).push_back(me);
    if (rt::park_queued(me, until, rt::wait_reason::semaphore, this,
                        [&queue_lock]() noexcept { queue_lock.unlock(); }) == rt::wait_end::woken)
        return true;

    rt::wake_list granted;
    queue_lock.lock();
    if (me.queued()) {
        rt::wait_queue(waiters_).remove(me);
        grant_locked(granted);
    }
    queue_lock.unlock();
    granted.wake_all();
    return false;
}

void weighted_semaphore::release_slow(std::ptrdiff_t k) {
    auto& queue_lock = rt::queue_lock_of(this);
    rt::wake_list granted;
    queue_lock.lock();
    auto seen = state_.load(std::memory_order_relaxed); // relaxed: the exchange below orders
    bool are_held;
    do
        are_held = k <= size_ - seen / step;
    while (are_held && !state_.compare_exchange_weak(seen, seen + step * k,
                                                     std::memory_order_release, // [weighted.hand_on]
                                                     std::memory_order_relaxed));
    if (are_held && (seen & waited) != 0)
        grant_locked(granted);
    queue_lock.unlock();
    if (!are_held)
        throw_not_held(k, seen);
    granted.wake_all(); // *this may be gone
}

// [weighted.queue] right 3. Under the queue lock, and with waited set.
void weighted_semaphore::grant_locked(rt::wake_list& granted) noexcept {
    auto left = state_.load(std::memory_order_relaxed) / step; // relaxed: nobody else changes it
    rt::wait_queue queue(waiters_);
    while (auto* const first = static_cast<weighted_waiter*>(queue.front())) {
        bool const is_from_parent = first->key.who->is_from_parent(); // [fork]
        if (first->wanted > left && !is_from_parent)
            break;
        queue.remove(*first);
        if (rt::agent::claim(first->key)) {
            left -= first->wanted;
            granted.add(*first);
        }
    }
    state_.store(step * left + (queue.empty() ? 0 : waited),
                 std::memory_order_release); // [weighted.hand_on] *this may be gone: [weighted.destruction]
}

void weighted_semaphore::report_destroyed_in_use() const noexcept {
    rt::report_destroyed_in_use("fiber::weighted_semaphore", this, "others wait for it");
}

void weighted_semaphore::throw_not_size(std::ptrdiff_t n) {
    throw std::invalid_argument("fiber::weighted_semaphore: made with " + std::to_string(n) +
                                " units, and not 0 to " + std::to_string(max()));
}

void weighted_semaphore::throw_out_of_range(std::ptrdiff_t k) const {
    throw std::invalid_argument("fiber::weighted_semaphore: asked for " + std::to_string(k) +
                                " units, and not 0 to " + std::to_string(size_));
}

void weighted_semaphore::throw_not_held(std::ptrdiff_t k, word seen) const {
    throw std::logic_error("fiber::weighted_semaphore: released " + std::to_string(k) + " units, but " +
                           std::to_string(size_ - seen / step) + " are held");
}

} // namespace fiber
