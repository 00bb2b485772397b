// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// sysmon.hpp: a thread beside the machines, which sees what no machine can: that a processor does not get on.
// It sleeps when all machines sleep.
#pragma once

#include "runtime/base/clock.hpp"
#include "runtime/base/os_thread.hpp"

#include <atomic>
#include <cstdint>
#include <vector>

namespace fiber::rt {

class scheduler;

class sysmon {
public:
    explicit sysmon(scheduler& of) noexcept : of_(of) {}

    void start(); // throws as os_thread::start
    void stop() noexcept;

    // By a machine that has slept.
    void machine_awake() noexcept;

private:
    static void* main(void* self) noexcept;
    void watch();
    [[nodiscard]] bool anything_stuck(std::vector<std::uint64_t>& ticks) const;
    void nap(clock::duration) noexcept;
    void sleep_until_a_machine_wakes() noexcept;

    //   value       set by
    //   0 watching  machine_awake, stop
    //   1 asleep    sysmon, before it looks at the machines a last time
    std::atomic<std::uint32_t> word_{0};
    std::atomic<bool> stopping_{false};
    scheduler& of_;
    os_thread thread_;
};

} // namespace fiber::rt
