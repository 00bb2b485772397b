// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fork.cpp: how the library gets over fork().
//
// [fork] The child has a copy of all memory, and one thread: the one that forked. What is there of the others?
//
//   in memory                           in the child
//   locks of the process, taken here    free, and what they guard is whole: the depots of records and stacks, the
//                                       queues of those objects in sync/ that use queue_locks
//   the global runtime                  forgotten; the next go() outside of a fiber makes a new one
//   other runtimes                      shells: their go() throws, their destructor returns at once
//   fibers, agents                     have stayed behind: nobody can claim their waits or wake them, a join
//                                       returns at once. Never recycled, since queues may still hold their waiters
//   the fiber that forked               an OS thread, on the fiber's stack: [fork.thread]
//   locks inside an object, a runtime   as the vanished threads left them
//
//   The work is the same for one fiber and for a million, and touches no pages of theirs, which an exec would waste.
//
// Registered before all else in the image, so that these handlers are the last to run before a fork, and the first
// after it: handlers of the program may use fibers and locks, and wait for them, as if there were none here.
#include "runtime/process/fork.hpp"

#include "runtime/base/env.hpp"
#include "runtime/base/fatal.hpp"
#include "runtime/base/lock_adaptive.hpp"
#include "runtime/base/process_stamp.hpp"
#include "runtime/base/queue_lock.hpp"
#include "runtime/process/runtimes.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber_pool.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/name.hpp"
#include "runtime/sched/thread_agent.hpp"
#include "runtime/stack/kind.hpp"
#include "runtime/stack/stack_class.hpp"

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <pthread.h>
#include <utility>

namespace fiber::rt {
namespace {

// All locks of the process, in the order in which they nest; those of runtimes and objects are not among them.
// The mutexes that machines want all the time come last, and behind the gate: lock_adaptive.hpp.
// Each function that gives a mutex also sees to it that its data has been made: a static local that another thread
// is making would be locked in the child for good.
using mutex_of = std::mutex& (*)() noexcept;
constexpr mutex_of rarely_wanted[] = {
    global_runtime_mutex,
    starting_runtimes_mutex,
    env_mutex,
    thread_agents_mutex,
};
constexpr mutex_of often_wanted[] = {names_mutex, fiber_records_mutex};

constinit stack const* forked_thread_stack = nullptr;

void before() noexcept {
    static_cast<void>(current_thread_agent()); // made here: the child must not need memory to become one
    for (mutex_of const m : rarely_wanted)
        m().lock();
    lock_running_threads();
    fork_gate::close(); // [fork.gate]
    for (mutex_of const m : often_wanted)
        m().lock();
    stack_class::lock_all();
    lock_all_queue_locks(); // last, and for the shortest time: others spin for them
}

void after() noexcept {
    unlock_all_queue_locks();
    stack_class::unlock_all();
    for (mutex_of const m : often_wanted)
        m().unlock();
    fork_gate::open(); // [fork.gate]
    unlock_running_threads();
    for (mutex_of const m : rarely_wanted)
        m().unlock();
}

// [fork.thread]
void detach_from_machine(machine const& m) noexcept {
    fiber& g = *m.running;
    set_current_machine(nullptr);
    thread_agent& me = current_thread_agent();
    me.adopt_in_child();
    me.locals = std::exchange(g.has_locals, false) ? g.locals : nullptr;
    forked_thread_stack = g.stack;
}

void after_in_child() noexcept {
    // relaxed: there is one thread
    fork_generation.store(static_cast<std::uint16_t>(fork_generation.load(std::memory_order_relaxed) + 1),
                          std::memory_order_relaxed);
    forget_global_runtime();
    renew_fiber_records();
    renew_thread_agents();
    drop_threads_of_parent();
    after();
    if (machine const* const m = current_machine())
        detach_from_machine(*m);
    else
        current_thread_agent().adopt_in_child();
}

[[gnu::constructor(101)]] void install() { // 101: the first that programs may have
    if (int const error = ::pthread_atfork(before, after, after_in_child); error != 0)
        fatal("cannot prepare for fork: pthread_atfork: %s", std::strerror(error));
}

} // namespace

stack const* stack_kept_over_fork() noexcept { return forked_thread_stack; }

void end_forked_process() noexcept { std::exit(EXIT_SUCCESS); }

} // namespace fiber::rt
