// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/processor_set.hpp"

#include "runtime/base/platform/cpu.hpp"
#include "runtime/base/process/env.hpp"
#include "runtime/sched/hand_off.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/sched/timers.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

namespace fiber::rt {
namespace {

unsigned default_processors(unsigned most) {
    unsigned const cpus = std::min(usable_cpus(), most);
    return static_cast<unsigned>(env_number("FIBER_PROCS", 1, most, cpus));
}

// Returns true if FIBER_PROCS sets the number. A value out of range is ignored;
// default_processors() has reported it.
bool environment_says_how_many(unsigned most) { return env_number("FIBER_PROCS", 1, most, 0) != 0; }

constexpr auto time_between_cpu_checks = std::chrono::seconds(1); // as in Go

} // namespace

processor_set::processor_set(scheduler& of, stack_class& default_stacks, stack_class& thread_stacks)
    : list_(new std::unique_ptr<processor>[max_processors]), of_(of), default_stacks_(default_stacks),
      thread_stacks_(thread_stacks) {}

void processor_set::start(unsigned number) {
    unsigned const most = std::min(max_processors, of_.machines.max_machines());
    set_number(number != 0 ? number : default_processors(most));
    follows_cpus_ = number == 0 && !environment_says_how_many(most);
}

void processor_set::set_number(unsigned n) {
    if (n == 0 || n > max_processors)
        throw std::invalid_argument("fiber: " + std::to_string(n) +
                                    " processors asked for; the least is 1, the most " +
                                    std::to_string(max_processors));
    if (n > of_.machines.max_machines())
        throw std::invalid_argument("fiber: " + std::to_string(n) +
                                    " processors asked for, but max_machines is " +
                                    std::to_string(of_.machines.max_machines()) + "; each needs a machine");
    std::lock_guard const one_at_a_time(changing_);
    follows_cpus_ = false;
    change_number(n);
}

// Changes the number of processors. Called under `changing_`. Throws std::system_error or
// std::bad_alloc. Wakes at most one machine, and the machines of retiring or resumed processors
// with timers. The other machines are changed while they sleep.
void processor_set::change_number(unsigned n) {
    unsigned const before = active();
    while (made_.load(std::memory_order_relaxed) < n) // relaxed: written under that lock
        add_processor();
    {
        std::lock_guard const hold(retiring_);
        active_.store(n, std::memory_order_relaxed); // relaxed: machines read it again and again
    }
    full_fence(); // [retire]
    unsigned const made = made_.load(std::memory_order_relaxed);
    for (unsigned i = n; i < made; ++i)
        retire_idle(*list_[i]);
    for (unsigned i = std::min(before, n); i < n; ++i)
        resume_retired(*list_[i]);
    heavy_fence(); // S3 for all machines that were enlisted here: [idle.wake] [sysmon.nap]
    of_.sysmon.machine_idle();
    if (of_.work.work_visible() != visible_work::nothing)
        of_.work.idle.wake_one();
}

void processor_set::follow_cpus(clock::time_point now) noexcept {
    if (now < next_cpu_check_)
        return;
    next_cpu_check_ = now + time_between_cpu_checks;
    try {
        std::lock_guard const one_at_a_time(changing_);
        if (!follows_cpus_)
            return;
        unsigned const n = std::min({usable_cpus(quotas_), max_processors, of_.machines.max_machines()});
        if (n != active())
            change_number(n);
    } catch (std::exception const&) {
    }
}

void processor_set::add_processor() {
    unsigned const i = made_.load(std::memory_order_relaxed); // relaxed: written under `changing_`
    if (list_[i] == nullptr)
        list_[i] = std::make_unique<processor>(i, default_stacks_, thread_stacks_);
    machine* const spare = of_.work.idle.take_spare();
    machine& m = spare != nullptr ? *spare : of_.machines.make();
    if (i >= active())
        active_.store(i + 1, std::memory_order_relaxed); // else m would retire at once
    made_.store(i + 1, std::memory_order_release);       // [made] a reader of the number sees the processor
    give(*list_[i], m);
    of_.work.idle.enlist(m); // m sleeps on; change_number() runs S4 of [idle.wake] for it
}

void processor_set::retire(machine& m) noexcept {
    if (m.searching)
        of_.work.stop_searching(m);
    pass_on(m);
    processor& p = *m.p;
    p.idle.return_idle_stacks();
    {
        std::lock_guard const hold(retiring_);
        if (!retired(p) || of_.stopping()) // [stop] ordered by retiring_
            return;
        set_retired(m, true);
    }
    full_fence(); // [close] m may have ended the last fiber; [poller.watch]
    of_.closing.wake_closer_if_empty();
    of_.work.ensure_watcher();
    // From here on m uses only the timers of p: another thread may put m on the idle list and take
    // p before m sleeps.
    if (sleep_until(m, p.timers.earliest()))
        return;
    bool resumed = false;
    {
        std::lock_guard const hold(retiring_);
        resumed = !m.retired;
        if (!resumed)
            set_retired(m, false); // after the timers, m retires again
    }
    if (!resumed)
        run_timers(m, p);
    else if (!of_.work.idle.withdraw(
                 m)) // [retire] m was woken, displaced or retired again; or it is about to be listed
        static_cast<void>(sleep_until(m, never));
}

// Moves all fibers of m's processor to the global queue.
void processor_set::pass_on(machine& m) noexcept {
    scheduler& of = m.scheduler;
    bool any = m.deferred != nullptr;
    if (any)
        of.work.global.push(*std::exchange(m.deferred, nullptr));
    while (fiber* const g = m.p->take_local()) {
        of.work.global.push(*g);
        any = true;
    }
    if (!any)
        return;
    full_fence(); // [idle.wake]
    of.work.idle.wake_one();
}

// Marks m as retired, or as not retired. Called under `retiring_`.
void processor_set::set_retired(machine& m, bool is) noexcept {
    m.retired = is;
    retired_machines_ = is ? retired_machines_ + 1 : retired_machines_ - 1;
}

// Retires p if its machine is idle. The machine need not wake for that, unless it has timers: an
// idle machine has no fibers to pass on.
void processor_set::retire_idle(processor& p) noexcept {
    machine* const m = p.owner();
    if (m == nullptr || !of_.work.idle.withdraw(*m, p)) // [retire] M3: m finds out by itself
        return;
    if (!p.timers.empty()) {
        m->wake();
        return;
    }
    std::lock_guard const hold(retiring_);
    set_retired(*m, true);
}

// Makes the machine of a retired processor idle again. The machine need not wake for that, unless
// it has timers.
void processor_set::resume_retired(processor& p) noexcept {
    machine* const m = p.owner();
    {
        std::lock_guard const hold(retiring_);
        if (m == nullptr || !m->retired || m->p != &p) // [retire] m has seen the new number, or will
            return;
        set_retired(*m, false);
    }
    if (p.timers.empty() && !of_.stopping())
        of_.work.idle.enlist(*m);
    else
        m->wake();
}

void processor_set::wake_retired() noexcept {
    for (auto const& p : all())
        resume_retired(*p);
}

} // namespace fiber::rt
