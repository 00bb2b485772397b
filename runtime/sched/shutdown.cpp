// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// shutdown.cpp: a scheduler ends after its last fiber has ended.
//
// [close]
//   destructor                                 machine
//   D1 closing = true, closer = its agent      M1 the last fiber has ended: ++ended
//   D2 full fence                              M2 full fence, on the way to sleep
//   D3 if started == ended: go on              M3 if closing and started == ended: wake the closer
//
//   Claim: the destructor goes on after the last fiber has ended.
//   M2 is before D2    D3 sees the end of the last fiber.
//   D2 is before M2    M3 sees the destructor.
//   Both may happen: an exchange takes the closer, so it is woken once.

#include "runtime/base/atomics/backoff.hpp"
#include "runtime/park.hpp"
#include "runtime/sched/remote_resources.hpp"
#include "runtime/sched/scheduler.hpp"

#include <utility>

namespace fiber::rt {

// Returns the number of live fibers. It reads the ended fibers first. Both sums only grow, and a
// fiber is counted as started before it can end or start another one. Therefore, if the sums are
// equal, there was a moment between the two reads without any fiber.
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
        scheduler& s = *this; // the closure is destroyed once the closer has been woken
        // relaxed: the store of closer_ orders it, and before that store no thread waits for visitors_.
        s.visitors_.fetch_add(1, std::memory_order_relaxed);
        s.closer_.store(&me, std::memory_order_release);   // [close]
        s.closing_.store(true, std::memory_order_relaxed); // relaxed: the fence orders it
        full_fence();                                      // [close]
        s.wake_closer_if_empty();
        s.visitors_.fetch_sub(1, std::memory_order_release); // [close.visit] s may be destroyed here
    });
    stop();
    spin_until([this] { return visitors_.load(std::memory_order_acquire) == 0; }); // [close.visit]
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
    sysmon_.stop(); // first, since sysmon takes machines off their lists
    stopping_.store(true, std::memory_order_seq_cst);
    full_fence(); // [stop]
    idle_.wake_all();
    idle_.wake_spares();
    for (unsigned i = 0, n = made_.load(std::memory_order_relaxed); i < n; ++i)
        resume_retired(*processors_[i]);
    for (machine* m = first_machine(); m != nullptr; m = m->next_made)
        take_thread(*m).join();
    maker_.stop();
    // Machines are deleted after all have ended, because a machine that runs may read the others.
    for (machine* m = machines_.exchange(nullptr, std::memory_order_relaxed); m != nullptr;)
        delete std::exchange(m, m->next_made);
}

} // namespace fiber::rt
