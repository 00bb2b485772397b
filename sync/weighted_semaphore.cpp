// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// weighted_semaphore.cpp: acquire and release of a weighted semaphore with too few free units.
//
//   bits   name    set                         cleared                     if wrong
//   0      waited  by the first waiter, under  by the agent that empties   clear with waiters: a lost
//                  the queue lock              the queue, under the lock   wake-up, or a waiter is
//                                                                          overtaken; set without: every
//                                                                          call takes the slow path
//   1..63  units   number of free units                                    a unit is lost, or held twice
//
// invariant  When the queue lock is free, `waited` is set if and only if the queue is not empty.
//
// [weighted.queue]
//     acquire_slow                     release, waited is clear          release_slow
//   1 lock the queue                 1 add k, in one CAS from a word   1 lock the queue
//   2 in one CAS from a word with      with waited clear               2 add k
//     waited clear: take k, or set                                     3 waited is set: serve the front
//     waited                                                             while the units suffice; clear
//   3 took k: unlock, return                                             waited if the queue is then empty
//   4 push, park, unlock the queue                                     4 unlock the queue; unpark
//
//   While waited is set, the word changes under the queue lock only, because each fast path is a
//   CAS from a word with waited clear. There are three cases:
//   middle.1 comes before left.2  left.2 sees the units.
//   middle.1 comes after left.2   The CAS fails. The agent takes the slow path, and locks the queue
//                                 after left.4.
//   waited is set before left.2   Other waiters are in front, and a release serves them first.
//
// An agent that is stopped takes itself out of the queue. Agents behind it may need fewer units, so
// it serves the queue as a release does. A release that meets the stopped agent in the queue takes
// it out and goes on to the next. Until one of the two runs, the stopped agent may keep the agents
// behind it waiting.
//
// [weighted.destruction] The semaphore may be destroyed once no acquire is running. The last access
//   of a release is middle.1 or right.3. The queue lock is not part of the semaphore:
//   [queue.outlive]. The agents that right.3 serves return only after right.4.
#include <fiber/weighted_semaphore.hpp>

#include "runtime/base/lock/queue_lock.hpp"
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

FIBER_PARKS bool weighted_semaphore::acquire_slow(std::ptrdiff_t k, detail::deadline_or_stop until) noexcept {
    weighted_waiter me(rt::ticket_until(until), k);
    rt::queued_wait wait(rt::queue_lock_of(this), waiters_); // [weighted.queue] left
    auto seen = state_.load(std::memory_order_relaxed);      // relaxed: the exchange below orders
    while ((seen & waited) == 0) {
        bool const enough = seen >= step * k;
        // acquire also if nothing is taken: setting waited comes before the next release under the
        // queue lock
        if (!state_.compare_exchange_weak(seen, enough ? seen - step * k : seen | waited,
                                          std::memory_order_acquire, // [weighted.hand_on]
                                          std::memory_order_relaxed))
            continue;
        if (enough)
            return true;
        break;
    }
    auto const end = wait.park(me, until, rt::wait_reason::semaphore, this);
    if (end == rt::queued_end::woken)
        return true;
    rt::wake_list granted;
    if (end == rt::queued_end::withdrawn)
        grant_locked(granted);
    wait.unlock();
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
    granted.wake_all(); // *this may be destroyed here
}

// Executes right.3 of [weighted.queue]: moves waiters that the free units suffice for to `granted`.
// The caller holds the queue lock, and waited is set.
void weighted_semaphore::grant_locked(rt::wake_list& granted) noexcept {
    auto left = state_.load(std::memory_order_relaxed) / step; // relaxed: changes only under the queue lock
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
    // *this may be destroyed here: [weighted.destruction]
    state_.store(step * left + (queue.empty() ? 0 : waited), std::memory_order_release); // [weighted.hand_on]
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
