// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// shared_mutex.cpp: a reader-writer lock: one word that counts readers and writers, and a table of
// slots for the readers of biased locks.
//
//   bits    name      means                                      if wrong
//   0..31   readers   number of readers that are not in a slot   too low: a writer beside readers;
//                                                                too high: no writer ever gets the lock
//   32      writer    one agent holds the lock exclusively       two owners
//   33      waiting   the queue is not empty: a new agent must   clear with waiters: lost wake-up
//                     queue, a leaving one looks at the queue
//   34      biased    readers may take a slot instead of         set with a writer: a reader beside it
//                     changing this word
//   35..63  arrivals  readers counted since the last bias        none: only decides when to bias again
//
//   Every change is a read-modify-write, so the release of each unlock reaches every agent that
//   reads a later value.
//
// invariant  biased excludes writer and waiting.
// invariant  number of readers that hold the lock = readers + slots that contain its address.
//   A slot or a unit of the count belongs to no particular reader. A reader that leaves clears the
//   slot that its hash selects if that slot contains the lock; otherwise it subtracts 1 from the
//   count.
//
// [shared.bias]  reader                             writer: revoke_bias()
//              1 biased: store the lock in a slot   1 in one RMW: clear biased, count itself as a reader
//              2 still biased: holds the lock       2 each slot with the lock: count a reader, clear the slot
//              3 else: leave, start again           3 leave; from here on every reader is counted
//
//   All accesses are seq_cst. If left.2 reads biased, left.1 comes before right.1. Then left.1 also
//   comes before right.2, which finds the slot. While the right side counts as a reader, no writer
//   gets the lock. A bias that is set between left.1 and left.2 is valid, too: there is no writer
//   then, and the revoke_bias() of that bias comes later.
//
// [shared.destruction] An agent that gets the lock after another agent's unlock may destroy it.
//   Therefore unlock ends with the RMW that gives the lock up. If there are waiters, that RMW runs
//   under the queue lock, which is not part of the object: [queue.outlive]. The queue lock is
//   needed because the waiter may time out and return while unlock runs, and then it no longer
//   keeps the object alive.
#include <fiber/shared_mutex.hpp>

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/lock/queue_lock.hpp"
#include "runtime/base/platform/cpu.hpp"
#include "runtime/spin_hint.hpp"
#include "sync/lock_watch.hpp"
#include "sync/misuse.hpp"
#include "sync/waiting.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace fiber::detail {
namespace {

using slot = std::atomic<void const*>;

// log2 of the number of slots. Fewer slots: readers collide. More: revoke_bias() walks over more
// memory, 8 KiB at this size. perf/micro/sync, shared_mutex
constexpr unsigned slot_bits = 10;
alignas(rt::cache_line) constinit std::array<slot, std::size_t{1} << slot_bits> slots{};

slot& slot_of(void const* lock, void const* agent) noexcept {
    constexpr std::uint64_t golden_ratio = 0x9e37'79b9'7f4a'7c15; // spreads neighbours over cache lines
    auto const key = reinterpret_cast<std::uintptr_t>(lock) ^ (reinterpret_cast<std::uintptr_t>(agent) >> 4);
    return slots[(key * golden_ratio) >> (64 - slot_bits)];
}

// Clears the slot if it contains the lock, and returns true; returns false otherwise.
bool clear_slot(slot& s, void const* lock) noexcept {
    // acquire: a writer that finds the slot cleared sees what its reader has done
    return s.load(std::memory_order_acquire) == lock && // [shared.hand_on]
           s.compare_exchange_strong(lock, nullptr,
                                     std::memory_order_seq_cst); // [shared.bias] [shared.hand_on]
}

// Readers counted before the lock is biased. Each reader in a slot saves an RMW on a shared line; a
// revocation costs a walk over the table. Fewer: more walks. More: readers contend for the word for
// longer. perf/micro/sync, shared_mutex
constexpr std::uint64_t arrivals_for_bias = 256;

// Tries before an agent queues. More wastes CPU time, because unlock grants the lock to waiters in
// the order of the queue. perf/micro/sync, shared_mutex
constexpr int spins = 60;

} // namespace

struct readers_writer_lock::waiter : rt::waiter {
    waiter(rt::ticket t, mode m) noexcept : rt::waiter(t), wants(m) {}
    mode const wants;
};

bool readers_writer_lock::admits(word seen, mode wanted) noexcept {
    return (seen & (writer | waiting)) == 0 && (wanted == mode::shared || (seen & readers) == 0);
}

// Tries once to take the lock in the wanted mode. Returns false, and the current word in `seen`, if
// the word has changed. The caller has checked admits(seen, wanted) and, for a writer, that the
// lock is not biased.
bool readers_writer_lock::try_acquire_once(word& seen, mode wanted) noexcept {
    word next = writer;
    if (wanted == mode::shared) {
        next = seen + reader;
        if ((seen & biased) == 0) {
            next += arrival;
            if (next >= arrivals_for_bias * arrival)
                next = (next & ~arrivals) | (rt::several_cpus() ? biased : 0);
        }
    }
    return state_.compare_exchange_weak(seen, next, std::memory_order_acq_rel, // [shared.hand_on]
                                        std::memory_order_relaxed);
}

bool readers_writer_lock::try_acquire_shared() noexcept {
    auto seen = state_.load(std::memory_order_relaxed); // relaxed: the exchanges order
    if ((seen & biased) != 0) {
        slot& mine = slot_of(this, &rt::self());
        void const* nobody = nullptr;
        if (mine.compare_exchange_strong(nobody, this, std::memory_order_seq_cst)) { // [shared.bias]
            seen = state_.load(std::memory_order_seq_cst);                           // [shared.bias]
            if ((seen & biased) != 0)
                return true;
            if (!clear_slot(mine, this))
                static_cast<void>(release_reader());
            seen = state_.load(std::memory_order_relaxed);
        }
    }
    while (admits(seen, mode::shared))
        if (try_acquire_once(seen, mode::shared))
            return true;
    return false;
}

// Gives up a reader's hold. Returns true if there was one; *this may then be destroyed. Returns
// false if the lock has no reader.
bool readers_writer_lock::release_shared() noexcept {
    return clear_slot(slot_of(this, &rt::self()), this) || release_reader();
}

void readers_writer_lock::report_not_shared(lock_kind kind) const noexcept {
    rt::report_misuse(kind, this, "unlocked shared, but it was not locked shared");
}

// Subtracts a reader from the count, or clears a slot if the count is 0. Returns as release_shared().
bool readers_writer_lock::release_reader() noexcept {
    auto seen = state_.load(std::memory_order_relaxed);
    do {
        if ((seen & readers) == 0)
            return release_uncounted_reader();
        if ((seen & waiting) != 0) {
            release_slow(reader);
            return true;
        }
    } while (!state_.compare_exchange_weak(seen, seen - reader, std::memory_order_release, // [shared.hand_on]
                                           std::memory_order_relaxed));
    return true;
}

// Clears any slot that contains the lock: another agent has locked it, so the caller's hash does
// not find the slot.
bool readers_writer_lock::release_uncounted_reader() noexcept {
    return std::any_of(slots.begin(), slots.end(), [this](slot& s) { return clear_slot(s, this); });
}

void readers_writer_lock::revoke_bias() noexcept {
    auto seen = state_.load(std::memory_order_relaxed);
    do {
        if ((seen & biased) == 0)
            return;
    } while (!state_.compare_exchange_weak(seen, (seen & ~(biased | arrivals)) + reader,
                                           std::memory_order_seq_cst)); // [shared.bias]
    for (slot& s : slots) {
        if (s.load(std::memory_order_seq_cst) != this) // [shared.bias]
            continue;
        // count before the slot is cleared: the reader may leave the lock once the slot is empty
        state_.fetch_add(reader, std::memory_order_seq_cst);
        if (!clear_slot(s, this))
            static_cast<void>(release_reader()); // the reader has cleared the slot itself
    }
    static_cast<void>(release_reader());
}

bool readers_writer_lock::try_lock_slow() noexcept {
    auto seen = state_.load(std::memory_order_relaxed);
    while (admits(seen, mode::exclusive)) {
        if ((seen & biased) != 0) {
            revoke_bias();
            seen = state_.load(std::memory_order_relaxed);
        } else if (try_acquire_once(seen, mode::exclusive)) {
            return true;
        }
    }
    return false;
}

bool readers_writer_lock::spin(mode wanted) noexcept {
    if (!rt::spinning_may_help())
        return false;
    for (int i = 0; i < spins; ++i) {
        auto seen = state_.load(std::memory_order_relaxed);
        if ((seen & waiting) != 0) // no overtaking of waiters
            return false;
        if (admits(seen, wanted) && (wanted == mode::shared || (seen & biased) == 0) &&
            try_acquire_once(seen, wanted))
            return true;
        rt::cpu_relax();
    }
    return false;
}

bool readers_writer_lock::lock_slow(mode wanted, deadline until) noexcept {
    if (wanted == mode::exclusive)
        revoke_bias();
    return spin(wanted) || lock_by_waiting(wanted, until);
}

FIBER_PARKS bool readers_writer_lock::lock_by_waiting(mode wanted, deadline until) noexcept {
    waiter me(rt::ticket_until(until), wanted);
    rt::queued_wait wait(rt::queue_lock_of(this), waiters_);
    for (auto seen = state_.load(std::memory_order_relaxed);;) {
        if (wanted == mode::exclusive && (seen & biased) != 0) {
            wait.unlock();
            revoke_bias();
            wait.lock();
            seen = state_.load(std::memory_order_relaxed);
        } else if (admits(seen, wanted)) {
            if (try_acquire_once(seen, wanted))
                return true;
        } else if ((seen & waiting) != 0 ||
                   state_.compare_exchange_weak(seen, seen | waiting, std::memory_order_relaxed)) {
            break; // relaxed: the queue lock orders
        }
    }
    auto const end = wait.park(me, until, rt::wait_reason::shared_mutex, this);
    if (end == rt::queued_end::withdrawn) {
        wait.release();  // grant_locked() unlocks the queue
        grant_locked(0); // the waiter may have blocked the agents behind it
    }
    return end == rt::queued_end::woken;
}

void readers_writer_lock::unlock_slow(lock_kind kind, word seen) noexcept {
    do {
        if ((seen & writer) == 0)
            rt::report_misuse(kind, this, "unlocked, but it was not locked");
        if ((seen & waiting) != 0)
            return release_slow(writer);
    } while (!state_.compare_exchange_weak(seen, seen - writer, std::memory_order_release, // [shared.hand_on]
                                           std::memory_order_relaxed));
}

void readers_writer_lock::release_slow(word released) noexcept {
    rt::queue_lock_of(this).lock();
    grant_locked(released);
}

// Subtracts `released` from the word, grants the lock to the waiters at the front of the queue that
// it then admits, and releases the queue lock. While the queue is not empty, `readers` falls only
// under the queue lock, and does not rise from 0.
void readers_writer_lock::grant_locked(word released) noexcept {
    rt::wake_list granted;
    rt::wait_queue queue(waiters_);
    auto now = state_.load(std::memory_order_acquire) - released; // [shared.hand_on]
    auto change = word{0} - released;
    while (auto* const first = static_cast<waiter*>(queue.front())) {
        bool const exclusive = first->wants == mode::exclusive;
        if ((now & writer) != 0 || (exclusive && (now & readers) != 0))
            break;
        queue.remove(*first);
        if (!rt::agent::claim(first->key))
            continue;
        granted.add(*first);
        auto const gets = exclusive ? writer : reader;
        now += gets;
        change += gets;
    }
    if (queue.empty()) // the bit may be clear: waiters may have timed out before the queue lock was taken
        change -= now & waiting;
    // *this may be destroyed here
    state_.fetch_add(change, std::memory_order_acq_rel); // [shared.hand_on] [shared.destruction]
    rt::queue_lock_of(this).unlock();
    granted.wake_all();
}

void readers_writer_lock::check_destroyable_slow(lock_kind kind) const noexcept {
    auto const state = state_.load(std::memory_order_relaxed); // relaxed: as in check_destroyable()
    auto const holds_this = [this](slot& s) { return s.load(std::memory_order_relaxed) == this; };
    if ((state & waiting) != 0)
        rt::report_destroyed_in_use(kind, this, "others wait for it");
    else if ((state & (writer | readers)) != 0 || std::any_of(slots.begin(), slots.end(), holds_this))
        rt::report_destroyed_in_use(kind, this, "it is locked");
    if (watching_locks)
        rt::lock_watch::forget(this);
}

bool readers_writer_lock::lock_watched(lock_kind kind, mode wanted, deadline until) noexcept {
    if (until == never)
        rt::lock_watch::about_to_lock({this, kind});
    bool const at_once = wanted == mode::exclusive ? try_acquire_exclusive() : try_acquire_shared();
    if (!at_once && !lock_slow(wanted, until))
        return false;
    note_locked(kind);
    return true;
}

void readers_writer_lock::note_locked(lock_kind kind) const noexcept { rt::lock_watch::locked({this, kind}); }

void readers_writer_lock::note_unlocked(lock_kind kind) const noexcept {
    rt::lock_watch::about_to_unlock({this, kind});
}

} // namespace fiber::detail
