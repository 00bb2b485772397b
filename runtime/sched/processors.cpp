// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// processors.cpp: how many processors there are, at the start and while running.
//
// [retire] change of the number                       machine
//        1 store active_                            1 enlist as idle
//        2 full fence                               2 full fence
//        3 p's machine is idle: withdraw it,        3 look at active_: p has to retire, so call the sleep off
//          mark it retired
//   One fence is first: either left.3 finds the machine on the list, or right.3 sees the new number. A machine that is
//   awake looks at active_ again under `retiring_` before it marks itself retired; so when the number has been raised, left
//   finds it marked, or it does not retire. A retired machine sleeps, and only a change of the number puts it on a list. Its
//   timers become fewer only: so one without timers can be marked, and put back on the idle list, in its sleep.

#include "runtime/base/cpu.hpp"
#include "runtime/base/env.hpp"
#include "runtime/base/rseq.hpp"
#include "runtime/fault/overflow.hpp"
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

// For fiber::thread, jthread and async: code behind these was written for as much as a thread has. A runtime with larger
// stacks gives them to all its fibers.
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

// A value that is out of range, and so ignored, has been reported by then.
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
    watch_for_overflows();
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

// Under `changing_`. Throws std::system_error or std::bad_alloc. Wakes one machine at most, besides those of processors that
// are to retire and have timers: what the others must do is done for them while they sleep.
void scheduler::change_processors(unsigned n) {
    unsigned const before = processors();
    while (made_.load(std::memory_order_relaxed) < n) // written under that lock
        add_processor();
    {
        std::lock_guard const hold(retiring_);
        active_.store(n, std::memory_order_relaxed); // machines look at it again and again
    }
    full_fence(); // [retire]
    unsigned const made = made_.load(std::memory_order_relaxed);
    for (unsigned i = n; i < made; ++i)
        retire_idle(*processors_[i]);
    for (unsigned i = std::min(before, n); i < n; ++i)
        resume_retired(*processors_[i]);
    heavy_fence(); // [idle.wake] [sysmon.nap] for all that have been enlisted
    sysmon_.machine_idle();
    if (work_visible() != visible_work::nothing)
        idle_.wake_one();
}

// By sysmon, hence only while something runs. What cannot be had now, memory or a thread, is tried for again.
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
    unsigned const i = made_.load(std::memory_order_relaxed); // written under `changing_`
    if (processors_[i] == nullptr)
        processors_[i] = std::make_unique<processor>(i, default_stacks_, thread_stacks_);
    machine* const spare = idle_.take_spare();
    machine& m = spare != nullptr ? *spare : new_machine();
    if (i >= processors())
        active_.store(i + 1, std::memory_order_relaxed); // or it would retire at once
    made_.store(i + 1, std::memory_order_release);       // [made] who sees the number sees the processor
    give(*processors_[i], m);
    idle_.enlist(
        m); // it sleeps on; change_processors looks for work that is there already: [idle.wake], right.4
}

// What its processor has goes to the others; then it waits until there are more processors again. Its timers
// stay where they are, since disarming must find them, and it wakes for each to pass the fiber on.
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
    full_fence(); // [close] it may have ended the last fiber
    if (closing_.load(std::memory_order_relaxed))
        wake_closer_if_empty();
    // From here on m touches nothing of p but its timers: it may be put on the idle list, and displaced, before it sleeps.
    if (sleep_until(m, p.timers.earliest()))
        return;
    bool resumed = false;
    {
        std::lock_guard const hold(retiring_);
        resumed = !m.retired;
        if (!resumed)
            set_retired(m, false); // it comes back here
    }
    if (!resumed)
        run_timers(m, p);
    else if (!idle_.withdraw(
                 m)) // [retire] it is woken, displaced, retired again; or about to be put on the list
        static_cast<void>(sleep_until(m, never));
}

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

// Under `retiring_`.
void scheduler::set_retired(machine& m, bool is) noexcept {
    m.retired = is;
    retired_count_ = is ? retired_count_ + 1 : retired_count_ - 1;
}

// If its machine is idle, it need not wake to retire: it has nothing to pass on, unless it has timers.
void scheduler::retire_idle(processor& p) noexcept {
    machine* const m = p.owner();
    if (m == nullptr || !idle_.withdraw(*m, p)) // [retire] it finds out by itself
        return;
    if (!p.timers.empty()) {
        m->wake();
        return;
    }
    std::lock_guard const hold(retiring_);
    set_retired(*m, true);
}

// Nor need it wake to be idle again.
void scheduler::resume_retired(processor& p) noexcept {
    machine* const m = p.owner();
    {
        std::lock_guard const hold(retiring_);
        if (m == nullptr || !m->retired || m->p != &p) // [retire] it has seen the new number, or will
            return;
        set_retired(*m, false);
    }
    if (p.timers.empty() && !stopping_.load(std::memory_order_relaxed)) // [stop] the caller's own
        idle_.enlist(*m);
    else
        m->wake();
}

} // namespace fiber::rt
