// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hand_off.cpp: how processors change their machine. A machine that is about to block gives its
// processor away; sysmon retakes the processor of a machine that is stuck; a machine without one
// takes it from an idle machine. A sleeping machine that gets a processor is then woken.

#include "runtime/base/process/fatal.hpp"
#include "runtime/sched/lease.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/stack/kind.hpp"
#include "runtime/stack/signal_stack.hpp"

#include "asm/switch/floating_point.hpp"

#include <csignal>
#include <new>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace fiber::rt {

void machine::enter_slow() noexcept {
    light_fence();                                                           // [lease]
    while ((entry_flags_.load(std::memory_order_acquire) & revoking) != 0) { // [lease]
        leave();
        acknowledged_.store(1, std::memory_order_relaxed); // relaxed: the taker that it wakes reads inside_
        futex_wake_one(acknowledged_);
        scheduler.revocation_lock_.lock(); // waits for the taker
        scheduler.revocation_lock_.unlock();
        inside_.store(true, std::memory_order_relaxed); // relaxed: the fence orders it
        light_fence();                                  // [lease]
    }
}

void* scheduler::machine_main(void* self) noexcept {
    auto& m = *static_cast<machine*>(self);
    name_this_thread(("fiber-m" + std::to_string(m.number)).c_str());
    run_machine(m);
    if (m.discarded)
        m.scheduler.vacate(m);
    return nullptr;
}

void scheduler::run_machine(machine& m) noexcept {
    signal_stack const for_overflows;
    set_current_machine(&m);
    m.thread.find();
    m.thread_id = ::gettid();
    m.scheduler_context.sanitizer.adopt_thread();
    arch::begin_floating_point();
    begin_running_fibers();
    static_cast<void>(
        m.scheduler.sleep_until(m, never)); // until the maker gives it a processor or another task
    while (fiber* const g = m.scheduler.find_runnable(m))
        switch_to_fiber(m, m.scheduler_context, *g, nullptr, nullptr);
    end_running_fibers();
    set_current_machine(nullptr);
}

// Chooses the signal mask of the thread that makes the runtime, so that the program's signals reach
// machines as they reach that thread. Faults are unblocked, because a blocked fault kills the process
// without a report.
void scheduler::choose_signal_mask() noexcept {
    ::pthread_sigmask(SIG_SETMASK, nullptr, &signal_mask_);
    ::sigdelset(&signal_mask_, SIGSEGV);
    ::sigdelset(&signal_mask_, SIGBUS);
}

void scheduler::set_signal_mask() const noexcept { ::pthread_sigmask(SIG_SETMASK, &signal_mask_, nullptr); }

// Returns a vacant machine, or makes a new one.
machine& scheduler::machine_without_thread() {
    if (machine* const vacant = take_vacant())
        return *vacant;
    auto* const made = new machine(*this);
    made->next_made = machines_.load(std::memory_order_acquire); // [machines]
    do
        made->number = made->next_made != nullptr ? made->next_made->number + 1 : 0;
    while (!machines_.compare_exchange_weak(made->next_made, made, std::memory_order_release, // [machines]
                                            std::memory_order_acquire));                      // [machines]
    return *made;
}

// Returns a machine that sleeps, has no processor, and is on no list. Throws std::system_error.
machine& scheduler::new_machine() {
    try {
        if (machines_made_.fetch_add(1, std::memory_order_relaxed) >= machine_limit()) // relaxed: a limit
            throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                                    "fiber: no more than " + std::to_string(max_machines_) +
                                        " machines, as runtime_options::max_machines says");
        machine& m = machine_without_thread();
        try {
            maker_.make(m.os_thread, machine_main, &m);
        } catch (...) {
            add_vacant(m);
            throw;
        }
        return m;
    } catch (...) {
        machines_made_.fetch_sub(1, std::memory_order_relaxed);
        throw;
    }
}

// Returns a spare or a new machine, which sleeps, has no processor, and is on no list. Returns null
// if there can be no more machines, and warns of this once.
machine* scheduler::spare_or_new() noexcept {
    if (machine* const spare = idle_.take_spare())
        return spare;
    try {
        return &new_machine();
    } catch (std::system_error const& e) {
        auto const made = machines_made_.load(std::memory_order_relaxed);    // relaxed: only for the message
        if (!no_machine_reported_.exchange(true, std::memory_order_relaxed)) // relaxed: orders nothing
            warn("a runtime has %u machines, and can have no more (%s; max_machines is %u): fibers that "
                 "block or compute keep their processors until they are done with it. Raise %s, or block "
                 "in fewer fibers at a time",
                 made, e.code().message().c_str(), max_machines_,
                 made < max_machines_ ? "the system's limit of threads" : "max_machines");
        return nullptr;
    } catch (std::bad_alloc const&) { // sysmon will try again
        return nullptr;
    }
}

// Gives p to a machine that sleeps and is on no list.
void scheduler::give(processor& p, machine& to) noexcept {
    to.p = &p;
    p.set_owner(to);
}

void scheduler::hand_off(machine& m) noexcept {
    machine* const to = spare_or_new();
    if (to == nullptr)
        return;
    processor& p = *std::exchange(m.p, nullptr);
    handoffs_.fetch_add(1, std::memory_order_relaxed); // a statistic
    bool const busy = p.waiting() != 0 || !p.timers.empty();
    give(p, *to);
    if (busy) {
        to->wake();
        return;
    }
    p.idle.return_idle_stacks();
    // There is no work, so `to` sleeps on as an idle machine. This thread runs S1 to S4 of
    // [idle.wake] for it. The check includes timers: a machine without a processor may have armed
    // some here.
    idle_.enlist(*to);
    full_fence(); // [idle.wake] [sysmon.nap]
    sysmon_.machine_idle();
    if (work_visible() == visible_work::nothing && p.timers.empty() && !retired(p))
        return;
    if (idle_.withdraw(*to)) {
        search_again(*to);
        to->wake();
    } else {
        idle_.wake_one(); // `to` has lost its processor, or was woken
    }
}

bool scheduler::regain(machine& m) noexcept {
    processor* const p = idle_.take_idle_processor();
    if (p == nullptr)
        return false;
    give(*p, m);
    end_computation(m);
    sysmon_.machine_awake();
    return true;
}

// Tells sysmon that m no longer computes without a processor, if it did. m has a processor again, or
// has come to its scheduler context.
void scheduler::end_computation(machine& m) noexcept {
    if (std::exchange(m.computes_without_processor, false))
        sysmon_.computation_ended();
}

// Gives p to another machine. sysmon calls it when the machine of p is stuck in a fiber's own code,
// and has been since p's tick count was `ticks`.
retaken scheduler::retake(processor& p, std::uint64_t ticks, stuck_in what) noexcept {
    machine* const to = spare_or_new();
    if (to == nullptr)
        return retaken::no_machine;
    bool taken = false;
    static_cast<void>(try_revoke(p, if_inside::wait_a_moment, [&](machine& from) {
        if (p.monitor.ticks.read() != ticks) // the machine has made progress since
            return;
        from.p = nullptr;
        from.computes_without_processor = what == stuck_in::a_computation;
        give(p, *to);
        taken = true;
    }));
    if (taken) {
        if (what == stuck_in::a_computation)
            sysmon_.computation_began();
        handoffs_.fetch_add(1, std::memory_order_relaxed); // a statistic
        to->wake();
    } else {
        idle_.add_spare(*to);
    }
    return taken ? retaken::yes : retaken::no;
}

// Sleeps as a spare until m is given a processor, or the scheduler stops.
void scheduler::park_spare(machine& m) noexcept {
    end_computation(m);
    idle_.add_spare(m);
    // [stop] The list's lock is the fence: either stop() finds m on the list, or m sees stopping_.
    if (!stopping_.load(std::memory_order_relaxed))
        static_cast<void>(sleep_until(m, never));
}

// Sleeps until wake() or the deadline. Every sleep of a machine passes here, because sysmon must
// learn of each wake-up, whatever its reason.
bool scheduler::sleep_until(machine& m, clock::time_point until) noexcept {
    if (m.pinned == nullptr)
        set_signal_mask(); // a fiber may have left it changed
    m.asleep = true;
    bool const woken = m.sleep_until(until);
    m.asleep = false;
    sysmon_.machine_awake();
    return woken;
}

} // namespace fiber::rt
