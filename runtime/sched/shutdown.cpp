// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// shutdown.cpp: a runtime ends when its last fiber has.
//
// [close] destructor                                   machine
//       1 closing = true, closer = its agent         1 the last fiber has ended: ++ended
//       2 full fence                                 2 goes to sleep: full fence
//       3 started == ended: go on                    3 closing, and started == ended: wake the closer
//   One fence is first: either the destructor sees the last end, or the machine sees the destructor. Both
//   may: the closer is taken by exchange, once.

#include "runtime/base/backoff.hpp"
#include "runtime/park.hpp"
#include "runtime/sched/remote_resources.hpp"
#include "runtime/sched/scheduler.hpp"

#include <utility>

namespace fiber::rt {

// The ends are read first. Both sums only grow, and a fiber is counted as started before it can end or start
// another; so if they are equal, there was a moment in between without any fiber.
std::uint64_t scheduler::live_fibers() const noexcept {
    unsigned const n = made_.load(std::memory_order_acquire); // [made]
    std::uint64_t ended = 0, started = 0;
    for (unsigned i = 0; i < n; ++i)
        ended += processors_[i]->ended.read();
    for (unsigned i = 0; i < n; ++i)
        started += processors_[i]->started.read();
    return started + remote_->started.load(std::memory_order_acquire) - ended; // [count]
}

void scheduler::wake_closer_if_empty() noexcept {
    if (live_fibers() != 0)
        return;
    if (agent* const closer = closer_.exchange(nullptr, std::memory_order_acq_rel)) // [close]
        unpark(ticket{closer});
}

bool scheduler::runs_caller() const noexcept {
    machine const* const m = current_machine();
    return m != nullptr && &m->scheduler == this;
}

scheduler::~scheduler() {
    if (runs_caller())
        fatal("a runtime is destroyed by one of its own fibers, for which it would have to wait; destroy it "
              "from outside");
    agent& me = self();
    rt::park(wait_reason::none, this, [this, &me] {
        scheduler& s = *this; // the closure is gone once the closer has been woken
        s.visitors_.fetch_add(
            1, std::memory_order_relaxed); // ordered by the store of closer_, before which nobody waits
        s.closer_.store(&me, std::memory_order_release);   // [close]
        s.closing_.store(true, std::memory_order_relaxed); // ordered by the fence
        full_fence();                                      // [close]
        s.wake_closer_if_empty();
        s.visitors_.fetch_sub(1, std::memory_order_release); // [close.visit] s may be gone
    });
    stop();
    spin_until([this] { return visitors_.load(std::memory_order_acquire) == 0; }); // [close.visit]
}

// [stop] Here: stopping, then a fence, then all that sleep are woken. A machine: enlist, a fence, then a look
// at stopping.
void scheduler::stop() noexcept {
    sysmon_.stop(); // it takes machines off their lists
    stopping_.store(true, std::memory_order_seq_cst);
    full_fence(); // [stop]
    idle_.wake_all();
    idle_.wake_spares();
    for (unsigned i = 0, n = made_.load(std::memory_order_relaxed); i < n; ++i)
        resume_retired(*processors_[i]);
    for (machine* m = first_machine(); m != nullptr; m = m->next_made)
        take_thread(*m).join();
    maker_.stop();
    // Only now: until the last one ends, it may look at the others.
    for (machine* m = machines_.exchange(nullptr, std::memory_order_relaxed); m != nullptr;)
        delete std::exchange(m, m->next_made);
}

} // namespace fiber::rt
