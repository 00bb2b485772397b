// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// idle.hpp: which machines sleep, which machines search for work, and when a machine is woken.
//
// `idle` and `searching` are the two counts of machines in `counts_`. To check the queues means to
// call work_visible().
//
// [idle.wake]
//   publisher                  machine that goes to sleep           searching machine that finds work
//   P1 put g into a queue      S1 enlist as idle, ++idle            F1 --searching
//   P2 fence                   S2 --searching, if it searched       F2 full fence
//   P3 idle == 0: done         S3 full fence                        F3 if it was the last: check all
//   P4 full fence              S4 check all queues; if work is         queues, wake a machine if work
//   P5 searching == 0:            there, ++searching and search        is there
//      wake a machine             again
//
//   Claim, if P2 is a full fence: a machine's check of the queues sees g, or the publisher wakes a
//   machine.
//   P2 is before S3    S4 sees g.
//   S3 is before P2    P3 sees idle > 0, and the publisher goes on to P4 and P5:
//                      P5 sees searching == 0   the publisher wakes an idle machine.
//                      P5 sees searching > 0    P4 is before F2, or S3, of the last searching machine.
//                                               The check of that machine, F3 or S4, sees g.
//
//   F2 is needed although F1 is a seq_cst read-modify-write: on aarch64 without LSE the check of F3
//   may overtake F1's store. While no machine is idle, a publisher with a processor passes no full
//   fence.
//
//   P2 is a full fence for a publisher without a processor. A publisher that has one passes a light
//   fence, and S3 is not a heavy fence, which would pair with it. While g or the idle count is
//   still in a store buffer, both sides may miss each other: S4 misses g, and P3 misses the idle
//   machine. This gap is closed in two ways:
//   - The publisher's processor has a machine that is awake. sysmon sleeps only while all machines
//     are idle. After its next nap sysmon checks that processor, and wakes an idle machine if g is
//     still there or in the global queue.
//   - The last machine to enlist misses nothing. All other machines that hold a processor have
//     enlisted before, by read-modify-writes of the word that it has just changed. What they
//     published, they published before they enlisted.
//   A heavy fence as S3 would close the gap, but interrupts each CPU that runs the process, at each
//   sleep.
//
//   Further rules:
//   - A check reads the processors' queues first and the global queue last, the direction in which
//     shared fibers move.
//   - Code that moves fibers between queues must publish them again: a concurrent check misses them
//     while they are in neither queue.
//   - A machine that calls off its sleep becomes a searching machine, because publishers may have
//     relied on its check.
//   - A machine that has seen work in S4, but has lost its processor since, wakes another machine
//     before it sleeps, for the same reason.
//
// [idle.token] The waker of a machine increments `searching` on the machine's behalf, before the
//   machine runs. This increment is the token: for any number of publishers, `searching` goes from
//   0 to 1 once. Therefore at most one woken machine is on its way. If there is no machine to wake
//   after all, the waker puts the token back and reads `idle` again. Without the second read a
//   wake-up could be lost: a machine may have fallen asleep since, and relied on this publisher to
//   see it, while another publisher relied on the token.
//
// [idle.next] A fiber in a processor's `next` is not published: its processor is about to run it,
//   and to wake a machine takes longer. If that processor does not get to the fiber, sysmon sees
//   this and wakes a machine. The same rule holds for:
//   - a yielding fiber that is put back into an otherwise empty queue;
//   - fibers that are woken on a responsive processor, unless they are a batch and many wait there.
//     A searching machine has just seen that this processor gets through its queue quickly:
//     load_monitor.hpp.
//
// [idle.share] P1 and P2 put g where only the machine of its processor can get it. A searching
//   machine watches the other processors, and requests a share from one that falls behind. That
//   processor gives away half of its waiting fibers at its next switch or publication. The request
//   is a hint. If it is lost, the searching machine loses some microseconds; if it outlives the
//   search, fibers are moved for nothing. A processor that makes no switch does not answer: its
//   lease is revoked.
//
// [idle.take] A machine with a fiber that comes back from a blocking call takes the processor of an
//   idle machine, without waking that machine. The idle machine becomes a spare. If its own
//   deadline passes, it finds this out under the lock.
#pragma once

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/lock/spinlock.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

struct machine;
class processor;

class alignas(cache_line) idle_machines {
public:
    // Adds a machine to the idle list: S1. Called by the machine itself, or by a thread that gives it
    // a processor without work.
    void enlist(machine&) noexcept;
    // Takes the machine off the idle list, because its sleep is called off or its deadline has
    // passed. Returns false if another caller has already taken the machine or its processor; then
    // wake() follows, sooner or later.
    [[nodiscard]] bool withdraw(machine&) noexcept;
    // Takes m off the idle list if m is there with processor `of`, and returns true; m keeps the
    // processor. Called by another thread: m sleeps until the caller wakes m or puts m on a list.
    [[nodiscard]] bool withdraw(machine& m, processor const& of) noexcept;

    // Wakes one machine if a machine is idle and none is searching: P3 to P5.
    void wake_one() noexcept;
    // Returns true if a machine is idle or searching. The result is a guess.
    [[nodiscard]] bool wants_work() const noexcept { return counts_.load(std::memory_order_relaxed) != 0; }

    // Counts the calling machine as searching and returns true. Returns false, and counts nothing,
    // if enough machines search: at most half of the machines that are not idle do.
    [[nodiscard]] bool start_searching(unsigned processors) noexcept;
    // Counts the calling machine as searching, whatever the others do.
    void search_again() noexcept;
    // Returns true if the machine was the last one that searched: it must run F2 and F3, or S3 and S4.
    [[nodiscard]] bool stop_searching() noexcept;

    // Returns the number of idle machines. The result is a guess.
    [[nodiscard]] unsigned count() const noexcept { return idle(counts_.load(std::memory_order_relaxed)); }

    // [idle.take] Returns the processor of an idle machine, and makes the machine a spare. Returns
    //   null if none is idle.
    [[nodiscard]] processor* take_idle_processor() noexcept;

    // Add or take a spare, a machine without a processor. take_spare() returns null if there is none.
    // A spare that is taken sleeps until the caller wakes it.
    void add_spare(machine&) noexcept;
    [[nodiscard]] machine* take_spare() noexcept;

    // Wake all idle machines, and all spares. Only shutdown may call them: there a woken machine
    // never sleeps again. Otherwise the loops could meet the same machines again and again.
    void wake_all() noexcept;
    void wake_spares() noexcept;

private:
    void take_off_locked(machine&) noexcept;
    [[nodiscard]] machine* take_idle_locked() noexcept;
    [[nodiscard]] machine* take_idle() noexcept;

    // Both counts are in one word, so that a publisher reads both at once.
    static constexpr std::uint64_t one_idle = 1, one_searching = std::uint64_t{1} << 32;
    static unsigned idle(std::uint64_t counts) noexcept { return static_cast<std::uint32_t>(counts); }
    static unsigned searching(std::uint64_t counts) noexcept { return static_cast<unsigned>(counts >> 32); }

    std::atomic<std::uint64_t> counts_{0};
    spinlock<lock_rank::idle> lock_; // guards the lists
    machine* first_idle_ = nullptr;  // last in, first out: the machine with the warmest caches is woken
    machine* first_spare_ = nullptr; // last in, first out, for the same reason
};

} // namespace fiber::rt
