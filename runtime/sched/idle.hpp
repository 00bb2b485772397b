// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// idle.hpp: which machines sleep, which search, and when one is woken.
//
// [idle.wake]   publisher                                machine that goes to sleep
//             1 put g into a queue                     1 enlist as idle, ++idle
//             2 fence                                  2 --searching
//             3 idle == 0: done                        3 full fence
//             4 full fence                             4 look at all queues once more: work is there, so
//             5 searching == 0: wake one                 ++searching and search again
//
//                                                        machine that has found something
//                                                      1 --searching
//                                                      2 full fence
//                                                      3 it was the last: look at all queues, wake one if work is there
//   Left.2 against right.3: one fence is first. Either right.4 sees g, or left.3 sees the machine idle. Left.4
//   against the last searcher's 2, or against 3: either that one's look sees g, or left.5 sees nobody searching, and
//   wakes the idle one. That --searching is a seq_cst read-modify-write is not enough: on aarch64 without LSE a look may
//   overtake its store. A publisher with nobody idle pays for no fence.
//   Left.2 is a full fence for those without a processor. A machine that has one passes a light fence, which pairs with no full
//   one: for as long as g, or the idle count, is on its way through a store buffer, right.4 may miss g, and left.3 the idle
//   machine. But then the publisher's processor has a machine that is awake, and sysmon, which sleeps only while all of them
//   are idle, looks at that processor within a nap, and wakes an idle one if g still stands there or in the global queue. The
//   last machine to enlist misses nothing: all others that hold a processor have enlisted before, by read-modify-writes of the
//   word that it has just changed, and had published before that. A heavy fence as right.3 would close the gap: 9 µs
//   and an interrupt on each CPU that runs the process, at every sleep.
//   Looks go to the processors' queues first and to the global one last, the way that fibers go which are offered.
//   Whoever moves fibers from a queue to another publishes them again: a looker may have missed them in his hands.
//   A machine that calls its sleep off is a searching one: others may have counted on its look.
//   So is one that saw work, but was displaced of its processor meanwhile: it wakes another before it sleeps.
//
// [idle.token] To wake a machine is to make it a searching one, on its behalf, before it runs: `searching`
//   goes 0 -> 1 once for any number of publishers, and at most one machine is on its way. Should there be
//   none to wake after all, the token is put back, and idle is looked at once more: a machine may have fallen
//   asleep meanwhile, relying on this publisher to see it, while another publisher relied on the token.
//
// [idle.next] A fiber in a processor's `next` is not published: its processor is about to run it, and waking
//   a machine takes longer than that. Should that processor not come to it, sysmon sees so and wakes one. The
//   same holds for a yielding fiber put back into an otherwise empty queue; and for all that are woken on a processor
//   that gets through its queue quickly, as one who searched has just seen: load_monitor.hpp.
//
// [idle.share] Left.1 and 2 put g where only its processor's machine can get at it. A searching machine watches the others'
//   processors, and asks one that falls behind; that one gives half of what waits when it switches or publishes next. The
//   request is a hint: to lose it costs the searching machine some microseconds, and one that outlives the search has
//   fibers moved for nothing. One that makes no switch does not answer: then its lease is broken.
//
// [idle.take] A machine whose fiber comes back from a blocking call takes the processor of an idle one, without
//   waking it: that one becomes a spare, and finds so under the lock should its own time come.
#pragma once

#include "runtime/base/cpu_relax.hpp"
#include "runtime/base/spinlock.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

struct machine;
class processor;

class alignas(cache_line) idle_machines {
public:
    // Step 1 on the right. By the machine itself; or by the one that gives it a processor with nothing to do.
    void enlist(machine&) noexcept;
    // The machine changes its mind, or its time has come: false if somebody has taken it already, or its
    // processor; then wake() follows, sooner or later.
    [[nodiscard]] bool withdraw(machine&) noexcept;
    // By another: takes m off the list if it is there with that processor, which m keeps. Returns true if so. m sleeps
    // until the caller wakes it or puts it on a list.
    [[nodiscard]] bool withdraw(machine& m, processor const& of) noexcept;

    // Steps 3 to 5 on the left.
    void wake_one() noexcept;
    // A guess: whether somebody would be glad of work.
    [[nodiscard]] bool wants_work() const noexcept { return counts_.load(std::memory_order_relaxed) != 0; }

    // By a machine that looks for work: false if enough others do. At most half of those that are busy
    // search.
    [[nodiscard]] bool start_searching(unsigned processors) noexcept;
    void search_again() noexcept; // likewise, whatever the others do
    // True: it was the last, so what was published meanwhile is now its business.
    [[nodiscard]] bool stop_searching() noexcept;

    [[nodiscard]] unsigned count() const noexcept {
        return idle(counts_.load(std::memory_order_relaxed));
    } // a guess

    // [idle.take] An idle machine's processor; null: none is idle.
    [[nodiscard]] processor* take_idle_processor() noexcept;

    // Those without a processor. One that is taken sleeps until it gets wake().
    void add_spare(machine&) noexcept;
    [[nodiscard]] machine* take_spare() noexcept;

    // For shutdown, when a machine that is woken never sleeps again. Elsewhere either loop would find again the machines
    // that it has woken.
    void wake_all() noexcept;
    void wake_spares() noexcept;

private:
    void take_off_locked(machine&) noexcept;
    [[nodiscard]] machine* take_idle_locked() noexcept;
    [[nodiscard]] machine* take_idle() noexcept;

    // One word, so that a publisher sees both in one look.
    static constexpr std::uint64_t one_idle = 1, one_searching = std::uint64_t{1} << 32;
    static unsigned idle(std::uint64_t counts) noexcept { return static_cast<std::uint32_t>(counts); }
    static unsigned searching(std::uint64_t counts) noexcept { return static_cast<unsigned>(counts >> 32); }

    std::atomic<std::uint64_t> counts_{0};
    spinlock<lock_rank::idle> lock_; // guards the lists
    machine* first_idle_ = nullptr;  // last in, first out: the warmest is woken
    machine* first_spare_ = nullptr; // likewise
};

} // namespace fiber::rt
