// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// sysmon.hpp: a thread beside the machines, which sees what no machine can: that a processor does not get on.
//   what it sees on a processor, with work waiting       what it does
//   more than it can do since the last look, others idle wakes an idle machine, which asks for some
//   no switch since the last look, others idle           wakes an idle machine, which takes the work
//   … none idle, the machine is blocked in the kernel    retakes the processor: hand_off.cpp
//   … none idle, it has computed for a slice             likewise; see slice() for how long that is
//   the same slice for too long, others queued           ends it
//   a timer overdue, or a poller                         has the machine look at its timers, and ask the poller
// A processor whose machine is blocked for a slice with no work waiting is retaken too, so that it can be idle.
// Where no processor can be retaken for want of machines, it allows more: standstill.hpp.
// It also has the memory of stacks given back that have been idle for long: idle_stacks.cpp; and asks once a second how
// many CPUs there are, unless somebody has said how many processors there shall be: processors.cpp.
// It sleeps when all processors are idle, and no stack is.
#pragma once

#include "runtime/base/clock.hpp"
#include "runtime/base/os_thread.hpp"
#include "runtime/sched/pace.hpp"
#include "runtime/sched/standstill.hpp"

#include <atomic>
#include <cstdint>
#include <vector>

namespace fiber::rt {

class processor;
class scheduler;

class sysmon {
public:
    explicit sysmon(scheduler& of) noexcept : of_(of), standstill_(of) {}

    void start(); // throws as os_thread::start
    void stop() noexcept;

    // By a machine that has slept, or has got a processor that was idle.
    void machine_awake() noexcept;
    // When a machine has become idle; the caller has passed a full fence since. It can do at once what sysmon finds: so sysmon ends
    // a long nap.
    void machine_idle() noexcept;
    // How many machines go on computing without the processor they had. Relaxed: a guess, for slice().
    void one_computes_on() noexcept { computing_.fetch_add(1, std::memory_order_relaxed); }
    void one_has_computed() noexcept { computing_.fetch_sub(1, std::memory_order_relaxed); }

private:
    // What a processor looked like, and since when.
    struct impression {
        clock::time_point since = clock::now(); // of the last switch, or sleep
        clock::time_point helped_since = since; // likewise, or of the last fibers given away
        bool blocked = false;                   // its machine, in the kernel
        bool stands_still = false;              // blocked, and no machine can be had to take the processor
        pace::look progress;
        std::uint64_t given_away = 0;
        std::uint64_t slice = 0;
        clock::time_point slice_since{};

        void is_moving(clock::time_point now) noexcept { since = helped_since = now; }
    };

    static void* main(void* self) noexcept;
    void watch();
    [[nodiscard]] bool look_at_all(clock::time_point now);
    [[nodiscard]] bool look_at(processor&, impression&, clock::time_point now);
    [[nodiscard]] clock::duration slice() const noexcept;
    void nap(clock::duration) noexcept;
    [[nodiscard]] clock::duration longest_nap_now() const noexcept;
    void sleep_until_a_machine_wakes() noexcept;

    //   value       set by
    //   0 watching  machine_awake, machine_idle
    //   1 asleep    sysmon, before it looks at the machines a last time
    //   2 stopping  stop
    //   3 long nap  sysmon, before it looks whether a machine is idle
    std::atomic<std::uint32_t> word_{0};
    std::atomic<unsigned> computing_{0};
    std::vector<impression> impressions_;
    bool backlog_ = false; // fibers wait where switches are rare
    // Of the timers of processors whose fiber computes. An idle machine is to run them.
    clock::time_point next_due_ = never;
    scheduler& of_;
    standstill standstill_;
    os_thread thread_;
};

} // namespace fiber::rt
