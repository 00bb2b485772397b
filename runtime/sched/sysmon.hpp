// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// sysmon.hpp: a thread beside the machines. It finds processors that make no progress, which no machine
// can see.
//
//   seen on a processor, with work waiting               what sysmon does
//   it falls behind, and other processors are idle       wakes an idle machine, which requests a share
//   no switch since the last check, others idle          wakes an idle machine, which takes the work
//   … none idle, the machine is blocked in the kernel    retakes the processor: hand_off.hpp
//   … none idle, the fiber has computed for a slice      retakes the processor; see slice() for the length
//   the same slice for too long, others queued           ends the slice
//   a timer overdue, or an agent awaits the poller       makes the machine check its timers and the poller;
//   and no machine watches                               wakes an idle machine to watch: poller.hpp
//   a check of the poller is due                         makes it
// A processor is also retaken if its machine has been blocked for a slice while no work waits. Then the
// processor can be idle.
// If no processor can be retaken because no machine is available, sysmon permits more machines:
// standstill.hpp.
// sysmon also returns the memory of stacks that have been idle for long: idle_stacks.hpp. Once a second it
// checks the number of CPUs, unless the number of processors was set: processor_set.hpp.
// It sleeps while all processors and no stacks are idle.
#pragma once

#include "runtime/base/platform/clock.hpp"
#include "runtime/base/thread/os_thread.hpp"
#include "runtime/sched/load_monitor.hpp"
#include "runtime/sched/standstill.hpp"

#include <atomic>
#include <cstdint>
#include <vector>

namespace fiber::rt {

class processor;
class scheduler;

// Called by sysmon when all machines of a scheduler are idle. Returns when to call it next, if they are
// still idle then. Null if nobody wants to know: deadlock.cpp.
using idle_observer = clock::time_point (*)(scheduler&) noexcept;
inline constinit std::atomic<idle_observer> observer_of_idleness{nullptr};

class sysmon {
public:
    explicit sysmon(scheduler& of) noexcept : of_(of), standstill_(of) {}

    void start(); // throws what os_thread::start throws
    void stop() noexcept;

    // Wakes sysmon if it sleeps. Called by a machine that has slept, or has taken an idle processor; and
    // after a request for a check of the poller, unless the caller's machine has a processor.
    void ensure_awake() noexcept;
    // Ends a long nap of sysmon, since an idle machine can do at once what sysmon finds. Called when a
    // machine has become idle. The caller must have passed a full fence since then.
    void machine_idle() noexcept;
    // These two count the machines that compute on without their processor. Relaxed: the count is a
    // guess, for slice().
    void computation_began() noexcept { computing_.fetch_add(1, std::memory_order_relaxed); }
    void computation_ended() noexcept { computing_.fetch_sub(1, std::memory_order_relaxed); }

private:
    // The state of a processor at the last check, and since when it has been in that state.
    struct processor_sample {
        clock::time_point since = clock::now(); // of the last switch or sleep
        clock::time_point helped_since = since; // of the last switch or sleep, or share given away
        bool blocked = false;                   // its machine was blocked in the kernel
        bool stands_still = false;              // blocked, and no machine is available to take the processor
        load_monitor::snapshot load;
        std::uint64_t shared_out = 0;
        std::uint64_t slice = 0;
        clock::time_point slice_since{};

        void is_moving(clock::time_point now) noexcept { since = helped_since = now; }
    };

    static void* main(void* self) noexcept;
    void watch();
    [[nodiscard]] bool has_moved() noexcept;
    [[nodiscard]] bool check_all(clock::time_point now);
    [[nodiscard]] bool check(processor&, processor_sample&, clock::time_point now);
    [[nodiscard]] clock::duration slice() const noexcept;
    void nap(clock::duration) noexcept;
    [[nodiscard]] clock::duration max_nap_now() const noexcept;
    void sleep_until_a_machine_wakes() noexcept;

    enum state : std::uint32_t {
        watching, // set by ensure_awake, machine_idle
        asleep,   // set by sysmon, before its last check of the machines
        stopping, // set by stop
        long_nap, // set by sysmon, before it checks whether a machine is idle
    };
    std::atomic<std::uint32_t> state_{watching};
    std::atomic<unsigned> computing_{0};
    std::vector<processor_sample> samples_;
    bool backlog_ = false;    // fibers wait where switches are rare
    std::uint64_t ticks_ = 0; // of all processors, when has_moved() was last called
    int short_naps_ = 0;      // that many naps are short
    // The earliest deadline on processors that run a computing fiber. An idle machine is to expire it.
    clock::time_point next_due_ = never;
    scheduler& of_;
    standstill standstill_;
    os_thread thread_;
};

} // namespace fiber::rt
