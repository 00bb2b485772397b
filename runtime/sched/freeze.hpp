// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// freeze.hpp: a moment in which no machine of a scheduler starts, resumes or suspends a fiber. A dump then
// reads the stacks of suspended fibers. Code of fibers that run goes on, until it calls the runtime.
//
// [freeze] F is the thread that freezes. It holds the revocation lock.
//
//   F                                            a machine that sleeps
//   1 frozen = true; claim all leases            1 asleep = false
//   2 heavy fence                                2 light fence
//   3 wait until each machine is outside the     3 while frozen: asleep = true, wait for the
//     runtime, or asleep                           revocation lock, back to 1
//   4 read stacks
//   5 frozen = false, release all leases and
//     the revocation lock
//
//   Claim: from 3 to 5, no machine switches.
//   A machine outside   enters the runtime only by M1 to M3 of [lease]: there it waits for the lock.
//   A machine asleep    right.2 before left.2: F sees it awake, and waits for it. Else right.3 sees frozen.
//   A machine inside    comes to its fiber's own code, or to sleep. A switch that is under way leads to a
//                       fiber's code.
//   A new machine       sleeps before it does anything else.
//
//   - A machine that waits in M3 may hold locks of its fiber's code. Therefore F takes no such lock between
//     1 and 5.
//   - A machine may lose its CPU inside the runtime, or wait there for a spinlock that a machine in M3
//     holds. Therefore left.3 gives up after a time.
#pragma once

#include "runtime/base/platform/clock.hpp"

namespace fiber::rt {

class scheduler;
struct machine;

class freeze {
public:
    explicit freeze(scheduler& of) noexcept : of_(of) {}
    ~freeze() { end(); }
    freeze(freeze const&) = delete;
    freeze& operator=(freeze const&) = delete;

    // left.1 to left.3. The caller is an OS thread, or a fiber that calls nothing of the runtime until
    // end(). Returns false if not all machines stand still before the limit.
    [[nodiscard]] bool begin(clock::duration limit) noexcept;
    void end() noexcept; // does nothing if the scheduler is not frozen

    // Whether a machine was awake at begin(), so that its fibers stood still.
    [[nodiscard]] bool has_stopped_any() const noexcept { return has_stopped_any_; }

private:
    [[nodiscard]] bool all_stand_still(clock::time_point until) noexcept;

    scheduler& of_;
    bool holds_ = false;
    bool has_stopped_any_ = false;
};

// Whether a machine that has waited for the end of a freeze has not gone on yet. A thread that freezes again
// and again lets them go on: a mutex does not give them their turn.
[[nodiscard]] bool holds_up_any(scheduler const&) noexcept;

// right.2 and right.3. Called by a machine that has just woken.
void wait_while_frozen(machine&) noexcept;

} // namespace fiber::rt
