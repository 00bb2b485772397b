// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fork.cpp: how the library survives fork().
//
// [fork] The child has a copy of all memory, and one thread, which called fork. What it has of the rest:
//
//   in memory                           in the child
//   locks of the process, taken here    free, and their data are consistent: the depots of records and
//                                       stacks, the queues of objects in sync/ that use queue_locks
//   the global runtime                  forgotten; the next go() outside of a fiber makes a new one
//   other runtimes                      shells: their go() throws, their destructor returns at once
//   netpollers                          their descriptors are closed, since the epoll set is the parent's
//                                       still; a runtime of the child makes another one
//   fibers, agents                      of the parent: nobody can claim their waits or wake them, a join
//                                       returns at once. Never recycled, since queues may hold their
//                                       waiters
//   the fiber that forked               an OS thread, on the fiber's stack: [fork.thread]
//   locks in an object or a runtime     as the vanished threads left them
//
//   The work does not depend on the number of fibers. It touches no pages of theirs: an exec would
//   waste the copies.
//
// The handlers are registered before all others in the image. Therefore they are the last to run before
// a fork, and the first to run after it. The program's handlers may use fibers and locks, and wait for
// them, as if ours did not exist.
#include "runtime/process/fork.hpp"

#include "runtime/base/lock/lock_adaptive.hpp"
#include "runtime/base/lock/queue_lock.hpp"
#include "runtime/base/process/env.hpp"
#include "runtime/base/process/fatal.hpp"
#include "runtime/base/process/process_stamp.hpp"
#include "runtime/base/thread/descriptor_table.hpp"
#include "runtime/base/thread/os_thread.hpp"
#include "runtime/io/netpollers.hpp"
#include "runtime/process/runtimes.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber_pool.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/name.hpp"
#include "runtime/sched/registry.hpp"
#include "runtime/sched/thread_agent.hpp"
#include "runtime/stack/kind.hpp"
#include "runtime/stack/stack_class.hpp"

#include <cstring>
#include <mutex>
#include <pthread.h>
#include <utility>

namespace fiber::rt {
namespace {

// All locks of the process, in the order in which they nest. Locks of runtimes and objects are not
// listed. The mutexes that machines want often come last, after the gate is closed: lock_adaptive.hpp.
// Each function that returns a mutex also ensures that the mutex's data exist. Otherwise a static local
// that another thread is making could stay locked in the child for ever.
using mutex_of = std::mutex& (*)() noexcept;
constexpr mutex_of rarely_wanted[] = {
    global_runtime_mutex, starting_runtimes_mutex, schedulers_mutex, env_mutex, thread_agents_mutex,
};
constexpr mutex_of often_wanted[] = {names_mutex, fiber_records_mutex, netpollers_mutex};

constinit stack const* forked_thread_stack = nullptr;

void before() noexcept {
    static_cast<void>(current_thread_agent()); // made here: in the child, there may be no memory for it
    for (mutex_of const m : rarely_wanted)
        m().lock();
    lock_running_threads();
    fork_gate::close(); // [fork.gate]
    for (mutex_of const m : often_wanted)
        m().lock();
    stack_class::lock_all();
    lock_all_queue_locks(); // last, and for the shortest time: waiters for them spin
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

// [fork.thread] Makes the child's thread, which ran a fiber as machine m, an OS thread.
void detach_from_machine(machine const& m) noexcept {
    fiber& g = *m.running;
    set_current_machine(nullptr);
    thread_agent& me = current_thread_agent();
    me.adopt_in_child();
    me.locals = std::exchange(g.has_locals, false) ? g.locals : nullptr;
    forked_thread_stack = g.stack;
}

void after_in_child() noexcept {
    // Relaxed: there is only one thread.
    fork_generation.store(static_cast<std::uint16_t>(fork_generation.load(std::memory_order_relaxed) + 1),
                          std::memory_order_relaxed);
    forget_global_runtime();
    forget_schedulers();
    renew_fiber_records();
    renew_thread_agents();
    drop_threads_of_parent();
    drop_netpollers_of_parent();
    forget_library_threads();
    descriptors.forget();
    after();
    if (machine const* const m = current_machine())
        detach_from_machine(*m);
    else
        current_thread_agent().adopt_in_child();
}

[[gnu::constructor(101)]] void install() { // 101: the first priority that programs may use
    if (int const error = ::pthread_atfork(before, after, after_in_child); error != 0)
        fatal("cannot prepare for fork: pthread_atfork: %s", std::strerror(error));
}

} // namespace

stack const* stack_kept_over_fork() noexcept { return forked_thread_stack; }

} // namespace fiber::rt
