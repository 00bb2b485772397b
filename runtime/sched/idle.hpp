// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// idle.hpp: which machines sleep, which search, and when one is woken.
//
// [idle.wake]   publisher                                last machine to stop searching
//             1 put g into a queue                     1 enlist as idle, ++idle
//             2 full fence                             2 --searching
//             3 searching == 0 and idle > 0: wake one  3 full fence
//                                                      4 look at all queues once more
//   One fence is first. The left one: right.4 sees g. The right one: left.3 sees the machine idle and nobody
//   searching, and wakes it. With 1 and 2 on the right after 4, g could wait beside a machine that sleeps.
//
// [idle.token] To wake a machine is to make it a searching one, on its behalf, before it runs: `searching`
//   goes 0 -> 1 once for any number of publishers, and at most one machine is on its way. Should there be
//   none to wake after all, the token is put back, and idle is looked at once more: a machine may have fallen
//   asleep meanwhile, relying on this publisher to see it, while another publisher relied on the token.
//
// [idle.next] A fiber in a processor's `next` is not published: its processor is about to run it, and waking
//   a machine takes longer than that. Should that processor not come to it, sysmon sees so and wakes one. The
//   same holds for a yielding fiber put back into an otherwise empty queue.
#pragma once

#include "runtime/base/cpu_relax.hpp"
#include "runtime/base/spinlock.hpp"

#include <atomic>

namespace fiber::rt {

struct machine;

class alignas(cache_line) idle_machines {
public:
    // Step 1 on the right, by the machine itself.
    void enlist(machine&) noexcept;
    // The machine changes its mind, or its time has come: false if somebody has taken it already, whose
    // wake() follows.
    [[nodiscard]] bool withdraw(machine&) noexcept;

    // Step 3 on the left, fence included.
    void wake_one() noexcept;

    // By a machine that looks for work: false if enough others do. At most half of those that are busy
    // search.
    [[nodiscard]] bool start_searching(unsigned processors) noexcept;
    // Step 2 on the right. True: it was the last, so what was published meanwhile is now its business.
    [[nodiscard]] bool stop_searching() noexcept;

    [[nodiscard]] unsigned count() const noexcept { return idle_.load(std::memory_order_relaxed); } // a guess

    // For shutdown: all of them, once each.
    void wake_all() noexcept;

private:
    [[nodiscard]] machine* take_one() noexcept;

    spinlock<lock_rank::idle> lock_; // guards the list
    machine* first_ = nullptr;       // last in, first out: the warmest is woken
    std::atomic<unsigned> idle_{0};
    std::atomic<unsigned> searching_{0};
};

} // namespace fiber::rt
