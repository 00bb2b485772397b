// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// processor_set.hpp: the processors of a scheduler, and how many of them run fibers. Processors are made
// when they are needed, and live until the scheduler's end.
//
// [retire]
//   change of the number                        machine of processor p
//   C1 store active_                            M1 enlist as idle
//   C2 full fence                               M2 full fence
//   C3 if p's machine is idle: withdraw it,     M3 read active_: if p has to retire, call off the sleep
//      mark it retired
//
//   Claim: a machine learns that its processor has to retire.
//   M2 is before C2    C3 finds the machine on the idle list.
//   C2 is before M2    M3 sees the new number.
//
//   - A machine that is awake reads active_ again under `retiring_` before it marks itself retired.
//     When the number is raised, either the change finds the machine marked, or the machine does
//     not retire.
//   - A retired machine sleeps, and only a change of the number puts it on a list. Its timers can
//     only become fewer. Therefore a machine without timers can be marked, or put back on the idle
//     list, while it sleeps.
#pragma once

#include "runtime/base/atomics/relaxed.hpp"
#include "runtime/base/lock/spinlock.hpp"
#include "runtime/base/platform/cgroup.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/sched/processor.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <span>

namespace fiber::rt {

class scheduler;
class stack_class;
struct machine;

class processor_set {
public:
    static constexpr unsigned max_processors = 1024;

    processor_set(scheduler& of, stack_class& default_stacks, stack_class& thread_stacks);

    // Makes the first processors. If `number` is 0, chooses it, and follows the number of usable CPUs
    // unless the environment sets it. Throws as set_number() does.
    void start(unsigned number);
    // Throws std::invalid_argument for a number out of range, std::system_error or std::bad_alloc.
    void set_number(unsigned);
    // Follows the number of usable CPUs. sysmon calls it, and runs only while a machine is awake. If
    // memory or a thread cannot be had, a later call tries again.
    void follow_cpus(clock::time_point now) noexcept;

    // ── called by any thread ──
    // Returns the number of processors that run fibers: those with a lower index. Relaxed: machines read it
    // again and again, and [retire] tells sleeping machines.
    [[nodiscard]] unsigned active() const noexcept { return active_.load(std::memory_order_relaxed); }
    // Returns true if p has retired, or is about to.
    [[nodiscard]] bool retired(processor const& p) const noexcept { return p.index >= active(); }
    // Returns the number of retired machines. The result is a guess.
    [[nodiscard]] unsigned retired_machines() const noexcept { return retired_machines_; }
    // Returns all processors, also retired ones.
    [[nodiscard]] std::span<std::unique_ptr<processor> const> all() const noexcept {
        return {list_.get(), made_.load(std::memory_order_acquire)}; // [made]
    }

    // ── called by a machine in its scheduler context ──
    // Passes on the fibers of m's processor, then sleeps until there are more processors again. The
    // timers stay, since a disarm must find them: m wakes for each timer, and passes on its fiber.
    void retire(machine&) noexcept;

    // ── called by stop(), when sysmon has ended ──
    // Wakes the machines of all retired processors.
    void wake_retired() noexcept;

private:
    void change_number(unsigned);
    void add_processor();
    void resume_retired(processor&) noexcept;
    void retire_idle(processor&) noexcept;
    void set_retired(machine&, bool) noexcept;
    static void pass_on(machine&) noexcept;

    std::unique_ptr<std::unique_ptr<processor>[]> list_; // the first made_ exist
    std::atomic<unsigned> made_{0};
    std::atomic<unsigned> active_{0};
    scheduler& of_;
    stack_class& default_stacks_;
    stack_class& thread_stacks_;
    spinlock<lock_rank::lifetime> retiring_; // guards each machine's `retired`, and decreases of active_
    relaxed<unsigned> retired_machines_{0};  // written under retiring_
    std::mutex changing_;                    // one change of the number of processors at a time
    bool follows_cpus_ = false;              // the number was not set explicitly; guarded by changing_
    cgroup_quotas quotas_;                   // sysmon alone uses this and next_cpu_check_
    clock::time_point next_cpu_check_{};
};

} // namespace fiber::rt
