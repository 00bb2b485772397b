// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// poller.hpp: the scheduler's contract with a netpoller: a source of fibers that the outside world makes
// runnable. A scheduler has one poller at most.
//
// [poller.watch] While agents wait for the poller and all machines are idle, one machine, the watcher,
//   sleeps in wait() instead of its futex.
//
//   machine that goes to sleep                      agent that begins to wait (machine without a
//                                                   processor, or OS thread)
//   1 enlist as idle                                1 ++awaited
//   2 full fence                                    2 full fence
//   3 if awaited != 0 and there is no watcher:      3 if there is no watcher: wake an idle machine
//     become the watcher
//
//   Claim: if an agent waits and all machines with a processor are idle, one of them is the watcher, or has
//   been woken.
//   - An agent need not do right.3 if its machine has a processor: the machine does left.1 to left.3 later.
//   - left.2 before right.2: right.3 sees the idle machine. right.2 before left.2: left.3 sees the agent.
//   - A machine that stops watching, and does not go on with a processor, does right.2 and right.3. Another
//     thread that puts a machine on the idle list without waking it does the same.
//   - While some machine is not idle, sysmon is awake, and does right.3 at each check.
//
//   Busy machines call poll() only while there is no watcher, and not more often than every 50 µs.
//
// [poller.check] A poller may ask for checks. A check that is due is made by the watcher when it has
//   slept, by a busy machine when it polls, and by sysmon at each look. No machine limits its sleep for a
//   check: to arm a timer costs more than the check, and events often make it unnecessary. Therefore sysmon
//   sleeps until the next check at most: [sysmon.sleep].
#pragma once

#include "runtime/base/platform/clock.hpp"
#include "runtime/sched/fiber_list.hpp"

#include <atomic>
#include <cstdint>

namespace fiber::rt {

class poller {
public:
    poller() = default;
    poller(poller const&) = delete;
    poller& operator=(poller const&) = delete;
    virtual ~poller() = default;

    // Returns fibers of this scheduler with a wait that is over. They are runnable now, and in no queue.
    // Never blocks: returns nothing while another machine polls.
    [[nodiscard]] virtual fiber_list poll() noexcept = 0;
    // Does the same, but blocks until there is a fiber, until the time, or until interrupt(). May return
    // early with nothing. The watcher calls it.
    [[nodiscard]] virtual fiber_list wait(clock::time_point until) noexcept = 0;
    // Ends the wait() under way, or the next one. Any thread.
    virtual void interrupt() noexcept = 0;
    // Makes the checks that are due. Does not wait for a poll() or wait() under way. Any thread.
    virtual void check(clock::time_point now) noexcept = 0;

    // Returns true if agents wait. Relaxed: [poller.watch] has the fences.
    [[nodiscard]] bool awaited() const noexcept { return awaited_.load(std::memory_order_relaxed) != 0; }
    // Returns the time at which check() is due; `never` if nobody has asked for a check.
    [[nodiscard]] virtual clock::time_point next_check() const noexcept = 0;

protected:
    // Called by an agent before it sleeps, and after it runs again. If the count fell at the end of the
    // wait, a moment without waiting and without runnable fibers could be seen.
    // relaxed: [poller.watch]
    void begin_await() noexcept { awaited_.fetch_add(1, std::memory_order_relaxed); }
    void end_await() noexcept { awaited_.fetch_sub(1, std::memory_order_relaxed); }

private:
    std::atomic<std::uint32_t> awaited_{0};
};

} // namespace fiber::rt
