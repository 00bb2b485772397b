// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/sysmon.hpp"

#include "runtime/base/blocked.hpp"
#include "runtime/base/cpu_relax.hpp"
#include "runtime/base/fatal.hpp"
#include "runtime/base/futex.hpp"
#include "runtime/base/own_descriptors.hpp"
#include "runtime/sched/scheduler.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace fiber::rt {
namespace {

using namespace std::chrono_literals;

// As in Go. Shorter costs CPU while there is nothing to see, longer lets those wait who have nothing to wait for.
constexpr auto shortest_nap = 20us;
constexpr auto longest_nap = 10ms;
// Beside an idle processor, which could do at once what sysmon finds.
constexpr auto longest_nap_beside_idle = 1ms;
// While a fiber waits behind one that runs for longer than this at a time, beside an idle processor.
constexpr auto nap_beside_backlog = 100us;
constexpr int naps_before_longer = 50; // without anything found
// Each is two switches, and so is waking it; but a machine that wakes has to wait for the latter.
constexpr int idle_naps_before_sleep = 2;

constexpr auto usual_slice = 10ms;

// The maker has the program's stderr.
void write_by_maker(void* maker, char const* text, std::size_t length) noexcept {
    std::string_view line(text, length);
    static_cast<thread_maker*>(maker)->call(
        [](void* self) noexcept {
            auto const& it = *static_cast<std::string_view*>(self);
            [[maybe_unused]] auto const written = ::write(STDERR_FILENO, it.data(), it.size());
        },
        &line);
}

} // namespace

void sysmon::start() {
    impressions_.reserve(scheduler::most_processors); // later there may be no memory for it
    thread_.start(main, this);
}

void sysmon::stop() noexcept {
    word_.store(2, std::memory_order_seq_cst); // [sysmon.sleep]
    futex_wake_one(word_);
    thread_.join();
}

// [sysmon.sleep] sysmon                              machine
//              1 word = asleep                     1 leave the idle list
//              2 full fence                        2 full fence
//              3 all machines idle: sleep          3 word is asleep: wake it
//   One fence is first: either sysmon sees the machine awake, or the machine sees sysmon asleep.
void sysmon::machine_awake() noexcept {
    full_fence(); // [sysmon.sleep]
    std::uint32_t asleep = 1;
    if (word_.load(std::memory_order_relaxed) == asleep && // ordered by the fence
        word_.compare_exchange_strong(asleep, 0,
                                      std::memory_order_relaxed)) // one of several calls the kernel
        futex_wake_one(word_);
}

// Or until there are stacks to be aged.
void sysmon::sleep_until_a_machine_wakes() noexcept {
    std::uint32_t watching = 0;
    if (!word_.compare_exchange_strong(watching, 1, std::memory_order_seq_cst)) // stopping
        return;
    full_fence(); // [sysmon.sleep]
    if (of_.all_idle()) {
        auto const until = stack_class::next_ageing();
        while (word_.load(std::memory_order_relaxed) == 1 && (until == never || clock::now() < until))
            futex_wait(word_, 1, until);
    }
    std::uint32_t asleep = 1;
    word_.compare_exchange_strong(asleep, 0, std::memory_order_seq_cst);
}

// [sysmon.nap] sysmon                              machine
//            1 word = long nap                   1 enter the idle list
//            2 full fence                        2 full fence
//            3 no machine idle: nap              3 word is long nap: end it
//   One fence is first: either sysmon sees the machine idle, or the machine sees the long nap.
void sysmon::nap(clock::duration time) noexcept {
    auto const until = std::min(clock::now() + time, next_due_);
    if (time <= longest_nap_beside_idle) {
        futex_wait(word_, 0, until);
        return;
    }
    std::uint32_t watching = 0;
    if (!word_.compare_exchange_strong(watching, 3, std::memory_order_seq_cst)) // stopping
        return;
    full_fence(); // [sysmon.nap]
    if (of_.idle_.count() == 0)
        futex_wait(word_, 3, until);
    std::uint32_t napping = 3;
    word_.compare_exchange_strong(napping, 0, std::memory_order_seq_cst);
}

void sysmon::machine_idle() noexcept {
    std::uint32_t napping = 3;
    if (word_.load(std::memory_order_relaxed) == napping && // [sysmon.nap] ordered by the caller's fence
        word_.compare_exchange_strong(napping, 0,
                                      std::memory_order_relaxed)) // one of several calls the kernel
        futex_wake_one(word_);
}

clock::duration sysmon::longest_nap_now() const noexcept {
    if (of_.idle_.count() == 0)
        return longest_nap;
    return backlog_ ? nap_beside_backlog : longest_nap_beside_idle;
}

void* sysmon::main(void* self) noexcept {
    auto& me = *static_cast<sysmon*>(self);
    name_this_thread("fiber-sysmon");
    if (leave_descriptors_of_program()) // it opens files of /proc again and again
        write_lines_of_thread_by(write_by_maker, &me.of_.maker_);
    me.watch();
    return nullptr;
}

void sysmon::watch() {
    clock::duration time = shortest_nap;
    int quiet = 0, idle = 0;
    while (word_.load(std::memory_order_seq_cst) != 2) { // [sysmon.sleep]
        nap(std::min<clock::duration>(time, longest_nap_now()));
        idle = of_.all_idle() ? idle + 1 : 0;
        if (idle >= idle_naps_before_sleep) {
            auto const since = clock::now();
            sleep_until_a_machine_wakes();
            auto const until = clock::now();
            for (impression& seen : impressions_) // all were asleep, and are to be given a slice
                seen.is_moving(until);
            idle = 0;
            if (until - since >= longest_nap) { // else it counts as a nap: some sleep and wake all the time
                quiet = 0;
                time = shortest_nap;
            }
        }
        auto const now = clock::now();
        of_.age_stacks(now);
        of_.follow_cpus(now);
        if (look_at_all(now)) {
            quiet = 0;
            time = shortest_nap;
        } else if (++quiet > naps_before_longer) {
            time = std::min<clock::duration>(2 * time, longest_nap);
        }
    }
}

// True: there was something to do, and there may soon be more.
bool sysmon::look_at_all(clock::time_point now) {
    impressions_.resize(of_.made_.load(std::memory_order_acquire)); // [made]
    bool found = false;
    backlog_ = false;
    next_due_ = never;
    bool work_waits = !of_.global_.empty();
    bool all_stand_still = true;
    for (std::size_t i = 0; i < impressions_.size(); ++i) {
        processor& p = *of_.processors_[i];
        found |= look_at(p, impressions_[i], now);
        work_waits |= p.waiting() != 0 || p.timers.earliest() <= now;
        all_stand_still &= impressions_[i].stands_still || of_.retired(p);
    }
    standstill_.note(all_stand_still && work_waits, now);
    return found;
}

bool sysmon::look_at(processor& p, impression& seen, clock::time_point now) {
    bool const overdue = p.timers.earliest() <= now;
    if (overdue || of_.poller_.load(std::memory_order_relaxed) != nullptr) // relaxed: whether, not what
        p.look_soon();

    if (auto const slice = p.slice(); slice != seen.slice || p.queued() == 0) {
        seen.slice = slice;
        seen.slice_since = now;
    } else if (now - seen.slice_since >= usual_slice) {
        p.end_slice();
        seen.slice = p.slice();
    }

    // It moves on, but has more than it can do, and did not say so: [idle.next].
    auto const before = std::exchange(seen.progress, p.progress.so_far(now));
    if (p.progress.falls_behind(before, p.queued(), now) && of_.idle_.count() > 0)
        of_.idle_.wake_one();

    machine* const m = p.owner();
    if (seen.progress.ticks != before.ticks || m == nullptr || m->asleep) {
        backlog_ |=
            p.waiting() != 0 && now - before.at > nap_beside_backlog * (seen.progress.ticks - before.ticks);
        seen.is_moving(now);
        seen.blocked = seen.stands_still = false;
        return false;
    }
    if (auto const due = p.timers.earliest(); due > now && of_.idle_.count() > 0)
        next_due_ = std::min(next_due_, due);
    // It may make no switch, but give some of what waits there to others: then it has more time.
    if (auto const given = p.steals.read(); given != std::exchange(seen.given_away, given))
        seen.helped_since = now;
    auto const stuck_for = std::max(now - seen.helped_since, (now - seen.since) / 2);
    if (m->inside() && stuck_for < usual_slice)
        return false; // about to see for itself
    bool const work_waits = p.waiting() != 0 || overdue || !of_.global_.empty() || of_.retired(p);
    // From one that is inside they can take nothing.
    if (work_waits && of_.idle_.count() > 0 && !of_.retired(p) && !m->inside()) {
        of_.idle_.wake_one();
        return true;
    }
    if (!work_waits && stuck_for < usual_slice)
        return false;
    // Twice in a row: a page fault, too, sleeps in the kernel for a moment.
    bool const was_blocked = std::exchange(seen.blocked, is_blocked(m->thread_id));
    seen.stands_still &= seen.blocked;
    if (seen.blocked && !was_blocked)
        return true;
    if (!seen.blocked && (!work_waits || stuck_for < slice()))
        return false;
    seen.is_moving(now);
    auto const what = seen.blocked ? stuck_in::the_kernel : stuck_in::a_computation;
    auto const outcome = of_.retake(p, seen.progress.ticks, what);
    seen.stands_still = seen.blocked && outcome == retaken::no_machine;
    return outcome == retaken::yes;
}

// How long a fiber may compute while others wait. It grows with the number of those that compute on without a
// processor: they share the CPUs with the machines that have one, and it is no use to add more of them than get
// done. So n of them take n²/2 slices to gather.
clock::duration sysmon::slice() const noexcept {
    return usual_slice * (1 + computing_.load(std::memory_order_relaxed) / of_.processors());
}

} // namespace fiber::rt
