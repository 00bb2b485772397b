// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/sysmon.hpp"

#include "runtime/base/cpu_relax.hpp"
#include "runtime/base/futex.hpp"
#include "runtime/sched/scheduler.hpp"

#include <algorithm>
#include <chrono>

namespace fiber::rt {
namespace {

using namespace std::chrono_literals;

constexpr auto shortest_nap = 1ms;
constexpr auto longest_nap = 10ms;
constexpr int naps_before_longer = 50; // without anything found
constexpr int idle_naps_before_sleep = 20;

} // namespace

void sysmon::start() { thread_.start("fiber-sysmon", main, this); }

void sysmon::stop() noexcept {
    stopping_.store(true, std::memory_order_seq_cst); // [sysmon.sleep]
    word_.store(0, std::memory_order_seq_cst);        // [sysmon.sleep]
    futex_wake_one(word_);
    thread_.join();
}

// [sysmon.sleep] sysmon                              machine
//              1 word = asleep                     1 leave the idle list
//              2 full fence                        2 full fence
//              3 all machines idle: sleep          3 word is asleep: wake it
//   One fence is first: either sysmon sees the machine awake, or the machine sees sysmon asleep.
void sysmon::machine_awake() noexcept {
    full_fence();                                   // [sysmon.sleep]
    if (word_.load(std::memory_order_relaxed) == 0) // ordered by the fence
        return;
    if (word_.exchange(0, std::memory_order_relaxed) == 1) // only one of several calls the kernel
        futex_wake_one(word_);
}

void sysmon::sleep_until_a_machine_wakes() noexcept {
    word_.store(1, std::memory_order_relaxed); // ordered by the fence
    full_fence();                              // [sysmon.sleep]
    bool const all_idle = of_.idle_.count() >= of_.processors();
    while (all_idle && !stopping_.load(std::memory_order_seq_cst) &&
           word_.load(std::memory_order_relaxed) == 1)
        futex_wait(word_, 1);
    word_.store(0, std::memory_order_relaxed);
}

void sysmon::nap(clock::duration time) noexcept {
    if (!stopping_.load(
            std::memory_order_seq_cst)) // [sysmon.sleep] stop() changes nothing here: word is 0 all the time
        futex_wait(word_, 0, clock::now() + time);
}

void* sysmon::main(void* self) noexcept {
    static_cast<sysmon*>(self)->watch();
    return nullptr;
}

void sysmon::watch() {
    std::vector<std::uint64_t> ticks;
    clock::duration time = shortest_nap;
    int quiet = 0, idle = 0;
    while (!stopping_.load(std::memory_order_seq_cst)) { // [sysmon.sleep]
        nap(time);
        idle = of_.idle_.count() >= of_.processors() ? idle + 1 : 0;
        if (idle >= idle_naps_before_sleep) {
            sleep_until_a_machine_wakes();
            idle = quiet = 0;
            time = shortest_nap;
        }
        if (anything_stuck(ticks) && of_.idle_.count() > 0) {
            of_.idle_.wake_one();
            quiet = 0;
            time = shortest_nap;
        } else if (++quiet > naps_before_longer) {
            time = std::min<clock::duration>(2 * time, longest_nap);
        }
    }
}

// Whether a processor has not moved on since the last look although a fiber waits there, or a timer is due.
bool sysmon::anything_stuck(std::vector<std::uint64_t>& ticks) const {
    unsigned const n = of_.made_.load(std::memory_order_acquire); // [made]
    ticks.resize(n);
    auto const now = clock::now();
    bool stuck = false;
    for (unsigned i = 0; i < n; ++i) {
        processor const& p = *of_.processors_[i];
        auto const tick = p.tick.read();
        bool const waits = p.has_work() || p.timers.earliest() <= now;
        stuck = stuck || (waits && tick == ticks[i]);
        ticks[i] = tick;
    }
    return stuck;
}

} // namespace fiber::rt
