// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// shared_mutex.cpp: one word for writers and the readers they know of, a table for readers that meet no writer.
//
//   bits    name      means                                      if wrong
//   0..31   readers   so many have it, and stand in no slot      low: a writer among readers. High: nobody gets in
//   32      writer    one has it alone                           two owners
//   33      waiting   the queue is not empty: who comes now      clear with waiters: lost wake-up
//                     goes there, who leaves looks at it
//   34      biased    readers may take a slot instead of         set with a writer: a reader beside it
//                     changing this word
//   35..63  arrivals  readers counted since the last bias        nothing: it says when a bias pays
//
//   All changes are read-modify-writes: so each unlock, a release, is seen by whoever reads a later value.
//
// invariant  biased excludes writer and waiting
// invariant  those who share the lock = readers + slots that hold its address. Whose slot or unit it is does not matter
//            and is not known: a party that leaves empties the slot that is its own by hash, if the lock stands there,
//            else it takes one from the count.
//
// [shared.bias]  reader                                writer: revoke_bias()
//              1 biased: put the lock in its slot    1 clear biased, and count itself as a reader, in one RMW
//              2 still biased: has it                2 each slot with the lock: count a reader, empty the slot
//              3 else: leave, start again            3 leave; from here all readers are counted
//
//   All seq_cst. If left.2 reads biased, left.1 comes before right.1 and so before right.2, which finds the slot.
//   As long as right counts as a reader, no writer gets in. A bias that is set between left.1 and left.2 is as good:
//   then there is no writer, and its own revoke_bias() comes later.
//
// [shared.destruction] The lock may be destroyed by a party that gets it after another's unlock. That unlock therefore ends
//   with the RMW that gives it up; where somebody waits, it does that under the queue lock, which is none of the
//   object's ([queue.outlive]): the party that waits may give up meanwhile, and is then not there to keep it alive.
#include <fiber/shared_mutex.hpp>

#include "runtime/base/cpu.hpp"
#include "runtime/base/cpu_relax.hpp"
#include "runtime/base/queue_lock.hpp"
#include "sync/lock_watch.hpp"
#include "sync/misuse.hpp"
#include "sync/waiting.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace fiber::detail {
namespace {

using slot = std::atomic<void const*>;

// 8 KiB, which a writer that ends a bias goes over in some 0.4 µs. Fewer: readers meet in one. More: the writer pays.
constexpr unsigned slot_bits = 10;
alignas(rt::cache_line) constinit std::array<slot, std::size_t{1} << slot_bits> slots{};

slot& slot_of(void const* lock, void const* party) noexcept {
    constexpr std::uint64_t golden_ratio = 0x9e37'79b9'7f4a'7c15; // neighbours go to distant lines
    auto const key = reinterpret_cast<std::uintptr_t>(lock) ^ (reinterpret_cast<std::uintptr_t>(party) >> 4);
    return slots[(key * golden_ratio) >> (64 - slot_bits)];
}

// Takes the lock out of the slot, where a reader has left it.
bool clear_slot(slot& s, void const* lock) noexcept {
    // acquire: for a writer, who may find that the reader has left before
    return s.load(std::memory_order_acquire) == lock && // [shared.hand_on]
           s.compare_exchange_strong(lock, nullptr,
                                     std::memory_order_seq_cst); // [shared.bias] [shared.hand_on]
}

// Readers between two biases: each spares one exchange on a shared line, ending the bias costs a walk over the table.
constexpr std::uint64_t arrivals_for_bias = 256;

// About 2 µs. More only burns, for readers and writers that wait are woken in their turn anyway.
constexpr int spins = 60;

} // namespace

struct readers_writer_lock::waiter : rt::waiter {
    waiter(rt::ticket t, mode m) noexcept : rt::waiter(t), wants(m) {}
    mode const wants;
};

bool readers_writer_lock::admits(word seen, mode wanted) noexcept {
    return (seen & (writer | waiting)) == 0 && (wanted == mode::shared || (seen & readers) == 0);
}

// If admits(seen, wanted), and for writers not biased. False: seen is the word as it has become.
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

// True: *this may be gone. False: nobody shares it.
bool readers_writer_lock::release_shared() noexcept {
    return clear_slot(slot_of(this, &rt::self()), this) || release_reader();
}

void readers_writer_lock::report_not_shared(lock_kind kind) const noexcept {
    rt::report_misuse(kind, this, "unlocked from sharing, but it was not shared");
}

// By a reader that is counted. As release_shared.
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

// By a party that is not counted and stands in no slot of its own: another one has locked it.
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
        state_.fetch_add(
            reader, std::memory_order_seq_cst); // first: its reader may leave as soon as the slot is empty
        if (!clear_slot(s, this))
            static_cast<void>(release_reader()); // it has left before
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
        if ((seen & waiting) != 0) // not before those
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

[[gnu::noinline]] FIBER_RETURN_FROM_SWITCH bool
readers_writer_lock::lock_by_waiting(mode wanted, deadline until) noexcept {
    auto& queue_lock = rt::queue_lock_of(this);
    waiter me(rt::ticket_until(until), wanted);
    queue_lock.lock();
    for (auto seen = state_.load(std::memory_order_relaxed);;) {
        if (wanted == mode::exclusive && (seen & biased) != 0) {
            queue_lock.unlock();
            revoke_bias();
            queue_lock.lock();
            seen = state_.load(std::memory_order_relaxed);
        } else if (admits(seen, wanted)) {
            if (try_acquire_once(seen, wanted)) {
                queue_lock.unlock();
                return true;
            }
        } else if ((seen & waiting) != 0 ||
                   state_.compare_exchange_weak(seen, seen | waiting, std::memory_order_relaxed)) {
            break; // relaxed: the queue lock orders
        }
    }
    rt::wait_queue(waiters_).push_back(me);
    auto const why = rt::wait_reason::shared_mutex;
    if (rt::park_queued(me, until, why, this, [&queue_lock]() noexcept { queue_lock.unlock(); }) ==
        rt::wait_end::woken)
        return true;
    queue_lock.lock();
    if (me.queued()) {
        rt::wait_queue(waiters_).remove(me);
        grant_locked(0); // it may have stood in others' way
    } else {
        queue_lock.unlock();
    }
    return false;
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

// Gives up what is released, and grants the lock to those at the front of the queue who may have it then. Releases the
// queue lock. While somebody waits, the readers' number falls under the queue lock only, and does not rise from 0.
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
    if (queue.empty()) // those who waited may have given up before the lock was taken
        change -= now & waiting;
    state_.fetch_add(change,
                     std::memory_order_acq_rel); // [shared.hand_on] [shared.destruction] *this may be gone
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
