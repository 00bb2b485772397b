// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// processors.cpp: chooses the number of processors at the start, and changes it while the scheduler
// runs.
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

#include "runtime/base/atomics/rseq.hpp"
#include "runtime/base/platform/cpu.hpp"
#include "runtime/base/process/env.hpp"
#include "runtime/sched/remote_resources.hpp"
#include "runtime/sched/scheduler.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace fiber::rt {
namespace {

std::optional<std::size_t> stack_size_of_environment() {
    return env_size("FIBER_STACK_SIZE", min_stack_size, max_stack_size);
}

stack_class& default_stacks(runtime_options const& options) {
    if (options.stack_size != 0)
        return stack_class::of_size(options.stack_size);
    auto const size = stack_size_of_environment();
    return size ? stack_class::of_size(*size) : stack_class::default_class();
}

// Returns the stacks of fiber::thread, jthread and async: the code that they run expects the stack
// of a thread. If the default stacks are larger, these fibers get the default stacks.
stack_class& stacks_like_threads(runtime_options const& options) {
    std::size_t const size = stack_size_of_environment().value_or(thread_stack_size());
    stack_class& wanted = size < min_stack_size ? stack_class::default_class() : stack_class::of_size(size);
    stack_class& usual = default_stacks(options);
    return wanted.size() > usual.size() ? wanted : usual;
}

unsigned default_processors(unsigned most) {
    unsigned const cpus = std::min(usable_cpus(), most);
    return static_cast<unsigned>(env_number("FIBER_PROCS", 1, most, cpus));
}

// Returns true if FIBER_PROCS sets the number. A value out of range is ignored;
// default_processors() has reported it.
bool environment_says_how_many(unsigned most) { return env_number("FIBER_PROCS", 1, most, 0) != 0; }

constexpr auto time_between_cpu_checks = std::chrono::seconds(1); // as in Go

} // namespace

scheduler::scheduler(runtime_options const& options)
    : default_stacks_(default_stacks(options)), thread_stacks_(stacks_like_threads(options)),
      processors_(new std::unique_ptr<processor>[max_processors]),
      remote_(new remote_resources(default_stacks_, thread_stacks_)), max_machines_(options.max_machines),
      sysmon_(*this) {
    choose_fences();
    choose_rseq();
    try {
        if (options.max_machines == 0)
            throw std::invalid_argument("fiber: max_machines is 0; each processor needs a machine");
        choose_signal_mask();
        maker_.start();
        unsigned const most = std::min(max_processors, options.max_machines);
        set_processors(options.processors != 0 ? options.processors : default_processors(most));
        follows_cpus_ = options.processors == 0 && !environment_says_how_many(most);
        sysmon_.start();
    } catch (...) {
        stop();
        throw;
    }
}

void scheduler::set_processors(unsigned n) {
    if (n == 0 || n > max_processors)
        throw std::invalid_argument("fiber: " + std::to_string(n) +
                                    " processors asked for; the least is 1, the most " +
                                    std::to_string(max_processors));
    if (n > max_machines_)
        throw std::invalid_argument("fiber: " + std::to_string(n) +
                                    " processors asked for, but max_machines is " +
                                    std::to_string(max_machines_) + "; each needs a machine");
    std::lock_guard const one_at_a_time(changing_);
    follows_cpus_ = false;
    change_processors(n);
}

// Changes the number of processors. Called under `changing_`. Throws std::system_error or
// std::bad_alloc. Wakes at most one machine, and the machines of retiring or resumed processors
// with timers. The other machines are changed while they sleep.
void scheduler::change_processors(unsigned n) {
    unsigned const before = processors();
    while (made_.load(std::memory_order_relaxed) < n) // relaxed: written under that lock
        add_processor();
    {
        std::lock_guard const hold(retiring_);
        active_.store(n, std::memory_order_relaxed); // relaxed: machines read it again and again
    }
    full_fence(); // [retire]
    unsigned const made = made_.load(std::memory_order_relaxed);
    for (unsigned i = n; i < made; ++i)
        retire_idle(*processors_[i]);
    for (unsigned i = std::min(before, n); i < n; ++i)
        resume_retired(*processors_[i]);
    heavy_fence(); // S3 for all machines that were enlisted here: [idle.wake] [sysmon.nap]
    sysmon_.machine_idle();
    if (work_visible() != visible_work::nothing)
        idle_.wake_one();
}

// Follows the number of usable CPUs. sysmon calls it, and runs only while a machine is awake. If
// memory or a thread cannot be had, a later call tries again.
void scheduler::follow_cpus(clock::time_point now) noexcept {
    if (now < next_cpu_check_)
        return;
    next_cpu_check_ = now + time_between_cpu_checks;
    try {
        std::lock_guard const one_at_a_time(changing_);
        if (!follows_cpus_)
            return;
        unsigned const n = std::min({usable_cpus(quotas_), max_processors, max_machines_});
        if (n != processors())
            change_processors(n);
    } catch (std::exception const&) {
    }
}

void scheduler::add_processor() {
    unsigned const i = made_.load(std::memory_order_relaxed); // relaxed: written under `changing_`
    if (processors_[i] == nullptr)
        processors_[i] = std::make_unique<processor>(i, default_stacks_, thread_stacks_);
    machine* const spare = idle_.take_spare();
    machine& m = spare != nullptr ? *spare : new_machine();
    if (i >= processors())
        active_.store(i + 1, std::memory_order_relaxed); // else m would retire at once
    made_.store(i + 1, std::memory_order_release);       // [made] a reader of the number sees the processor
    give(*processors_[i], m);
    idle_.enlist(m); // m sleeps on; change_processors() runs S4 of [idle.wake] for it
}

// Passes on the fibers of m's processor, then sleeps until there are more processors again. The
// timers stay, since a disarm must find them: m wakes for each timer, and passes on its fiber.
void scheduler::retire(machine& m) noexcept {
    if (m.searching)
        stop_searching(m);
    pass_on(m);
    processor& p = *m.p;
    p.idle.return_idle_stacks();
    {
        std::lock_guard const hold(retiring_);
        if (!retired(p) || stopping_.load(std::memory_order_seq_cst)) // [stop]
            return;
        set_retired(m, true);
    }
    full_fence(); // [close] m may have ended the last fiber
    if (closing_.load(std::memory_order_relaxed))
        wake_closer_if_empty();
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
    else if (!idle_.withdraw(
                 m)) // [retire] m was woken, displaced or retired again; or it is about to be listed
        static_cast<void>(sleep_until(m, never));
}

// Moves all fibers of m's processor to the global queue.
void scheduler::pass_on(machine& m) noexcept {
    bool any = m.deferred != nullptr;
    if (any)
        global_.push(*std::exchange(m.deferred, nullptr));
    while (fiber* const g = m.p->take_local()) {
        global_.push(*g);
        any = true;
    }
    if (!any)
        return;
    full_fence(); // [idle.wake]
    idle_.wake_one();
}

// Marks m as retired, or as not retired. Called under `retiring_`.
void scheduler::set_retired(machine& m, bool is) noexcept {
    m.retired = is;
    retired_count_ = is ? retired_count_ + 1 : retired_count_ - 1;
}

// Retires p if its machine is idle. The machine need not wake for that, unless it has timers: an
// idle machine has no fibers to pass on.
void scheduler::retire_idle(processor& p) noexcept {
    machine* const m = p.owner();
    if (m == nullptr || !idle_.withdraw(*m, p)) // [retire] M3: m finds out by itself
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
void scheduler::resume_retired(processor& p) noexcept {
    machine* const m = p.owner();
    {
        std::lock_guard const hold(retiring_);
        if (m == nullptr || !m->retired || m->p != &p) // [retire] m has seen the new number, or will
            return;
        set_retired(*m, false);
    }
    if (p.timers.empty() && !stopping_.load(std::memory_order_relaxed)) // relaxed: only stop() sets it [stop]
        idle_.enlist(*m);
    else
        m->wake();
}

} // namespace fiber::rt
