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
#include "runtime/sched/load_monitor.hpp"
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
    void computation_began() noexcept { computing_.fetch_add(1, std::memory_order_relaxed); }
    void computation_ended() noexcept { computing_.fetch_sub(1, std::memory_order_relaxed); }

private:
    // What a processor looked like, and since when.
    struct processor_sample {
        clock::time_point since = clock::now(); // of the last switch, or sleep
        clock::time_point helped_since = since; // likewise, or of the last fibers given away
        bool blocked = false;                   // its machine, in the kernel
        bool stands_still = false;              // blocked, and no machine can be had to take the processor
        load_monitor::snapshot load;
        std::uint64_t shared_out = 0;
        std::uint64_t slice = 0;
        clock::time_point slice_since{};

        void is_moving(clock::time_point now) noexcept { since = helped_since = now; }
    };

    static void* main(void* self) noexcept;
    void watch();
    [[nodiscard]] bool check_all(clock::time_point now);
    [[nodiscard]] bool check(processor&, processor_sample&, clock::time_point now);
    [[nodiscard]] clock::duration slice() const noexcept;
    void nap(clock::duration) noexcept;
    [[nodiscard]] clock::duration max_nap_now() const noexcept;
    void sleep_until_a_machine_wakes() noexcept;

    enum state : std::uint32_t {
        watching, // set by machine_awake, machine_idle
        asleep,   // set by sysmon, before it looks at the machines a last time
        stopping, // set by stop
        long_nap, // set by sysmon, before it looks whether a machine is idle
    };
    std::atomic<std::uint32_t> state_{watching};
    std::atomic<unsigned> computing_{0};
    std::vector<processor_sample> samples_;
    bool backlog_ = false; // fibers wait where switches are rare
    // Of the timers of processors whose fiber computes. An idle machine is to run them.
    clock::time_point next_due_ = never;
    scheduler& of_;
    standstill standstill_;
    os_thread thread_;
};

} // namespace fiber::rt
