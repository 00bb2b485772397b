// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/sysmon.hpp"

#include "runtime/base/atomics/cpu_relax.hpp"
#include "runtime/base/lock/futex.hpp"
#include "runtime/base/process/fatal.hpp"
#include "runtime/base/thread/blocked.hpp"
#include "runtime/base/thread/unshare_descriptors.hpp"
#include "runtime/sched/coarse_clock.hpp"
#include "runtime/sched/hand_off.hpp"
#include "runtime/sched/idle_stacks.hpp"
#include "runtime/sched/scheduler.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace fiber::rt {
namespace {

using namespace std::chrono_literals;

// Go has the same limits. A shorter nap costs CPU time while nothing happens. A longer one delays
// fibers that wait without a reason.
constexpr auto min_nap = 20us;
constexpr auto max_nap = 10ms;
// The limit while a processor is idle, since an idle machine could do at once what sysmon finds.
constexpr auto max_nap_beside_idle = 1ms;
// The limit while a processor is idle, and a fiber waits behind another that runs for longer than this.
constexpr auto nap_beside_backlog = 100us;
// A check of the poller that is due after this time does not shorten the nap. Checks of busy connections
// rarely become due. Benchmark: perf/run --net.
constexpr auto time_between_checks = 500us;
constexpr int naps_before_longer = 50; // naps that find nothing
// Naps without a switch on any processor. Each costs two switches, and so does waking sysmon. But the machine
// that wakes sysmon has to wait.
constexpr int idle_naps_before_sleep = 1;
// After a long nap that a machine has ended. A machine that falls asleep again and again would end each one,
// by a system call.
constexpr int short_naps_after_wake = 50;

constexpr auto default_slice = 10ms;

// Writes a line on the maker's thread, which has the program's stderr. sysmon has unshared its descriptors,
// so it cannot write there.
void write_by_maker(void* maker, char const* text, std::size_t length) noexcept {
    std::string_view line(text, length);
    static_cast<template_thread*>(maker)->call(
        [](void* self) noexcept {
            auto const& it = *static_cast<std::string_view*>(self);
            [[maybe_unused]] auto const written = ::write(STDERR_FILENO, it.data(), it.size());
        },
        &line);
}

} // namespace

void sysmon::start() {
    samples_.reserve(processor_set::max_processors); // later this could fail for want of memory
    thread_.start(main, this);
}

void sysmon::stop() noexcept {
    state_.store(stopping, std::memory_order_seq_cst); // [sysmon.sleep]
    futex_wake_one(state_);
    thread_.join();
}

// [sysmon.sleep] sysmon                              machine
//              1 state = asleep                    1 leave the idle list
//              2 full fence                        2 full fence
//              3 all machines idle: sleep, until   3 state is asleep: wake it
//                the next check of the poller
//   One of the fences is first: either sysmon sees the machine awake, or the machine sees sysmon asleep.
//   An agent without a processor that asks for a check does the same: right.1 is its request. The request of
//   an agent with a processor comes before its machine is idle, and sysmon reads the time of the check after
//   that.
void sysmon::ensure_awake() noexcept {
    full_fence(); // [sysmon.sleep]
    std::uint32_t expected = asleep;
    if (state_.load(std::memory_order_relaxed) == asleep && // ordered by the fence
        state_.compare_exchange_strong(expected, watching,
                                       std::memory_order_relaxed)) // one machine of several wakes it
        futex_wake_one(state_);
}

// Sleeps until a machine wakes, until stacks are to be aged, or until a check of the poller is due.
void sysmon::sleep_until_a_machine_wakes() noexcept {
    std::uint32_t expected = watching;
    if (!state_.compare_exchange_strong(expected, asleep, std::memory_order_seq_cst)) // stopping
        return;
    full_fence(); // [sysmon.sleep]
    if (of_.all_idle()) {
        full_fence(); // [sysmon.sleep] left.3 reads in this order
        auto until = std::min(stack_class::next_ageing(), of_.work.next_check());
        if (auto const observer =
                observer_of_idleness.load(std::memory_order_relaxed)) // set before the first runtime
            until = std::min(until, observer(of_));
        while (state_.load(std::memory_order_relaxed) == asleep && (until == never || clock::now() < until))
            futex_wait(state_, asleep, until);
    }
    expected = asleep;
    state_.compare_exchange_strong(expected, watching, std::memory_order_seq_cst);
}

// [sysmon.nap] sysmon                              machine
//            1 state = long_nap                  1 enter the idle list
//            2 full fence                        2 full fence
//            3 no machine idle: nap              3 state is long_nap: end it
//   One of the fences is first: either sysmon sees the machine idle, or the machine sees the long nap.
void sysmon::nap(clock::duration time) noexcept {
    if (short_naps_ > 0) {
        --short_naps_;
        time = std::min<clock::duration>(time, max_nap_beside_idle);
    }
    auto const until = std::min(clock::now() + time, next_due_);
    if (time <= max_nap_beside_idle) {
        futex_wait(state_, watching, until);
        return;
    }
    std::uint32_t expected = watching;
    if (!state_.compare_exchange_strong(expected, long_nap, std::memory_order_seq_cst)) // stopping
        return;
    full_fence(); // [sysmon.nap]
    if (of_.work.idle.count() == 0)
        futex_wait(state_, long_nap, until);
    expected = long_nap;
    if (!state_.compare_exchange_strong(expected, watching, std::memory_order_seq_cst))
        short_naps_ = short_naps_after_wake;
}

void sysmon::machine_idle() noexcept {
    std::uint32_t expected = long_nap;
    if (state_.load(std::memory_order_relaxed) == long_nap && // [sysmon.nap] ordered by the caller's fence
        state_.compare_exchange_strong(expected, watching,
                                       std::memory_order_relaxed)) // one machine of several wakes it
        futex_wake_one(state_);
}

clock::duration sysmon::max_nap_now() const noexcept {
    if (of_.work.idle.count() == 0)
        return max_nap;
    return backlog_ || of_.work.lacks_watcher() ? nap_beside_backlog : max_nap_beside_idle;
}

void* sysmon::main(void* self) noexcept {
    auto& me = *static_cast<sysmon*>(self);
    name_this_thread("fiber-sysmon");
    if (unshare_descriptors()) // sysmon opens files of /proc all the time
        set_thread_line_writer(write_by_maker, &me.of_.machines.maker());
    me.watch();
    return nullptr;
}

void sysmon::watch() {
    clock::duration time = min_nap;
    int quiet = 0, idle = 0;
    while (state_.load(std::memory_order_seq_cst) != stopping) { // [sysmon.sleep]
        nap(std::min<clock::duration>(time, max_nap_now()));
        idle = of_.all_idle() && !has_moved() ? idle + 1 : 0;
        if (idle >= idle_naps_before_sleep) {
            auto const since = clock::now();
            sleep_until_a_machine_wakes();
            auto const until = clock::now();
            for (processor_sample& seen : samples_) // all processors were idle; each starts a new slice
                seen.is_moving(until);
            idle = 0;
            if (until - since >= max_nap) { // a shorter sleep counts as a nap
                quiet = 0;
                time = min_nap;
            }
        }
        auto const now = clock::now();
        coarse_clock::set(now);
        age_stacks(of_, now);
        of_.processors.follow_cpus(now);
        if (check_all(now)) {
            quiet = 0;
            time = min_nap;
        } else if (++quiet > naps_before_longer) {
            time = std::min<clock::duration>(2 * time, max_nap);
        }
    }
}

// Returns true if a processor has made a switch since the last call. Then it was not idle all the time, even
// if it is now.
bool sysmon::has_moved() noexcept {
    std::uint64_t sum = 0;
    for (auto const& p : of_.processors.all())
        sum += p->monitor.ticks.read();
    return sum != std::exchange(ticks_, sum);
}

// Checks all processors. Returns true if there was something to do; then there may soon be more.
bool sysmon::check_all(clock::time_point now) {
    auto const all = of_.processors.all();
    samples_.resize(all.size());
    bool found = false;
    backlog_ = false;
    bool const lacks_watcher = of_.work.lacks_watcher();
    bool work_waits = !of_.work.global.empty() || lacks_watcher;
    bool all_stand_still = true;
    // Not found: a machine that is about to watch, or has just watched, is on the idle list for a moment.
    if (lacks_watcher && of_.work.idle.count() > 0) // [poller.watch]
        of_.work.idle.wake_one();
    of_.work.make_checks(now);
    next_due_ = std::max(of_.work.next_check(), now + time_between_checks);
    for (std::size_t i = 0; i < samples_.size(); ++i) {
        processor& p = *all[i];
        found |= check(p, samples_[i], now);
        work_waits |= p.waiting() != 0 || p.timers.earliest() <= now;
        all_stand_still &= samples_[i].stands_still || of_.processors.retired(p);
    }
    standstill_.note(all_stand_still && work_waits, now);
    return found;
}

bool sysmon::check(processor& p, processor_sample& seen, clock::time_point now) {
    bool const overdue = p.timers.earliest() <= now;
    bool const to_poll = of_.work.lacks_watcher();
    if (overdue || to_poll)
        p.poll_soon();

    if (auto const slice = p.slice(); slice != seen.slice || p.queued() == 0) {
        seen.slice = slice;
        seen.slice_since = now;
    } else if (now - seen.slice_since >= default_slice) {
        p.end_slice();
        seen.slice = p.slice();
    }

    // The processor makes switches, but falls behind, and has woken nobody for it: [idle.next].
    auto const before = std::exchange(seen.load, p.monitor.sample(now));
    if (p.monitor.falls_behind(before, p.queued(), now) && of_.work.idle.count() > 0)
        of_.work.idle.wake_one();

    machine* const m = p.owner();
    if (seen.load.ticks != before.ticks || m == nullptr || m->is_asleep()) {
        backlog_ |=
            p.waiting() != 0 && now - before.at > nap_beside_backlog * (seen.load.ticks - before.ticks);
        seen.is_moving(now);
        seen.blocked = seen.stands_still = false;
        return false;
    }
    if (auto const due = p.timers.earliest(); due > now && of_.work.idle.count() > 0)
        next_due_ = std::min(next_due_, due);
    // The fiber may make no switch, but give fibers away when others request a share: then it has more
    // time.
    if (auto const given = p.shared_out.read(); given != std::exchange(seen.shared_out, given))
        seen.helped_since = now;
    auto const stuck_for = std::max(now - seen.helped_since, (now - seen.since) / 2);
    if (m->lease.inside() && stuck_for < default_slice)
        return false; // inside the runtime, the machine will soon find the work itself
    // Nobody polls beside a fiber that computes: fibers may be ready.
    bool const work_waits =
        p.waiting() != 0 || overdue || !of_.work.global.empty() || of_.processors.retired(p) || to_poll;
    // An idle machine can take nothing from a machine that is inside the runtime.
    if (work_waits && of_.work.idle.count() > 0 && !of_.processors.retired(p) && !m->lease.inside()) {
        of_.work.idle.wake_one();
        return true;
    }
    if (!work_waits && stuck_for < default_slice)
        return false;
    // Retakes only after two such samples in a row: a page fault, too, sleeps in the kernel for a moment.
    bool const was_blocked = std::exchange(seen.blocked, is_blocked(m->thread_id));
    seen.stands_still &= seen.blocked;
    if (seen.blocked && !was_blocked)
        return true;
    if (!seen.blocked && (!work_waits || stuck_for < slice()))
        return false;
    seen.is_moving(now);
    auto const what = seen.blocked ? stuck_in::the_kernel : stuck_in::a_computation;
    auto const outcome = retake(of_, p, seen.load.ticks, what);
    seen.stands_still = seen.blocked && outcome == retaken::no_machine;
    return outcome == retaken::yes;
}

// Returns how long a fiber may compute while others wait. Each machine that computes on after its processor
// was retaken still competes for the CPUs. Therefore each lengthens the slice: more such machines than the
// CPUs can serve are of no use. n of them accumulate only after about n²/2 slices.
clock::duration sysmon::slice() const noexcept {
    return default_slice * (1 + computing_.load(std::memory_order_relaxed) / of_.processors.active());
}

} // namespace fiber::rt
