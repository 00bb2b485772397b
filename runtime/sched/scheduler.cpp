// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/scheduler.hpp"

#include "runtime/base/atomics/rseq.hpp"
#include "runtime/base/process/env.hpp"
#include "runtime/base/process/fatal.hpp"
#include "runtime/sched/coarse_clock.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/registry.hpp"
#include "runtime/sched/remote_resources.hpp"
#include "runtime/sched/run_machine.hpp"

#include <optional>
#include <stdexcept>

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

} // namespace

scheduler::scheduler(runtime_options const& options)
    : scheduler(options, default_stacks(options), stacks_like_threads(options)) {}

scheduler::scheduler(runtime_options const& options, stack_class& default_stacks, stack_class& thread_stacks)
    : work(*this), processors(*this, default_stacks, thread_stacks),
      remote(new remote_resources(default_stacks, thread_stacks)),
      machines(*this, run_machine, options.max_machines), sysmon(*this), closing(*this) {
    choose_fences();
    choose_rseq();
    try {
        if (options.max_machines == 0)
            throw std::invalid_argument("fiber: max_machines is 0; each processor needs a machine");
        machines.start();
        processors.start(options.processors);
        sysmon.start();
        coarse_clock::set(clock::now());
        enlist(*this);
    } catch (...) {
        stop();
        throw;
    }
}

scheduler::~scheduler() {
    if (runs_caller())
        fatal("a runtime is destroyed by one of its own fibers, for which it would have to wait; destroy it "
              "from outside");
    closing.wait_until_empty();
    delist(*this);
    closing.wait_for_visitors(); // they read machines, or wake one, and stop() deletes the machines
    stop();
}

// Ends all machines.
// [stop]
//   stop()                              machine
//   E1 stopping = true                  M1 enlist as idle or as a spare
//   E2 full fence                       M2 full fence
//   E3 wake all machines on the lists   M3 read stopping: if true, do not sleep
//
//   Claim: no machine sleeps forever.
//   M2 is before E2    E3 finds the machine on its list.
//   E2 is before M2    M3 sees stopping.
//   For spares, the lock of their list takes the place of both fences.
void scheduler::stop() noexcept {
    sysmon.stop(); // first, since sysmon takes machines off their lists
    stopping_.store(true, std::memory_order_seq_cst);
    full_fence(); // [stop]
    work.idle.wake_all();
    work.idle.wake_spares();
    processors.wake_retired();
    machines.stop();
}

// Returns the number of live fibers. It reads the ended fibers first. Both sums only grow, and a
// fiber is counted as started before it can end or start another one. Therefore, if the sums are
// equal, there was a moment between the two reads without any fiber.
std::uint64_t scheduler::live_fibers() const noexcept {
    auto const all = processors.all();
    std::uint64_t ended = 0, started = 0;
    for (auto const& p : all)
        ended += p->ended.read();
    for (auto const& p : all)
        started += p->started.read();
    return started + remote->started.load(std::memory_order_acquire) - ended; // [count]
}

std::size_t scheduler::runnable_fibers() const noexcept {
    std::size_t n = work.global.size();
    for (auto const& p : processors.all())
        n += p->waiting();
    return n;
}

bool scheduler::runs_caller() const noexcept {
    machine const* const m = current_machine();
    return m != nullptr && &m->scheduler == this;
}

} // namespace fiber::rt
