// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// park.cpp implements park.hpp: fibers wait through the scheduler, OS threads through their thread agent.

#include "runtime/park.hpp"

#include "runtime/base/process/assert.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/fiber_list.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/ready.hpp"
#include "runtime/sched/switch_fiber.hpp"
#include "runtime/sched/thread_agent.hpp"
#include "runtime/sched/timers.hpp"
#include "runtime/time/timer_heap.hpp"
#include "runtime/wait_observer.hpp"

#include <cstddef>

namespace fiber::rt {
namespace {

// The commit function of a timed wait: run() runs on the next stack, while the timed_park stands on the
// parked agent's stack. It is valid until mark_parked. From then on the agent may be woken. The result
// of mark_parked decides whether run() or the waker makes the agent runnable.
struct timed_park {
    ticket key;
    timer alarm;
    commit_function commit;
    void* argument;

    static void run(void* self) noexcept {
        auto& c = *static_cast<timed_park*>(self);
        ticket const key = c.key;
        c.commit(c.argument);
        if (c.alarm.when != never)
            arm_timer(*current_machine(), c.alarm);
        if (agent::mark_parked(key)) // if false, c may be destroyed here
            ready(static_cast<fiber&>(*key.who));
    }
};

} // namespace

agent& self() noexcept {
    if (machine const* const m = current_machine())
        return *m->running;
    return current_thread_agent();
}

namespace {

inline void park_unobserved(wait_reason why, void const* what, commit_function commit,
                            void* argument) noexcept {
    if (machine* const m = current_machine()) {
        m->enter();
        park_fiber(*m, why, what, commit, argument);
        return;
    }
    commit(argument);
    static_cast<void>(current_thread_agent().sleep_until(never));
}

} // namespace

void park_erased(wait_reason why, void const* what, commit_function commit, void* argument) noexcept {
    observed_wait<park_unobserved>(why, what, why, what, commit, argument);
}

namespace {

[[gnu::always_inline]] inline wait_end park_until_unobserved(ticket t, clock::time_point deadline,
                                                             wait_reason why, void const* what,
                                                             commit_function commit,
                                                             void* argument) noexcept {
    if (machine* const m = current_machine()) {
        timed_park c{t, timer{.when = deadline, .key = t}, commit, argument};
        m->enter();
        if (deadline != never)
            make_room_for_timer(*m);
        park_fiber(*m, why, what, timed_park::run, &c);
        if (agent::ended_by_deadline(t))
            return wait_end::timed_out;
        timer_heap::disarm(c.alarm);
        return wait_end::woken;
    }
    commit(argument);
    if (agent::mark_parked(t))
        return wait_end::woken;
    thread_agent& me = current_thread_agent();
    if (me.sleep_until(deadline))
        return wait_end::woken;
    if (agent::claim(t))
        return wait_end::timed_out;
    static_cast<void>(me.sleep_until(never)); // another agent has won the wait, and is about to wake me
    return wait_end::woken;
}

} // namespace

FIBER_PARKS wait_end park_until_erased(ticket t, clock::time_point deadline, wait_reason why,
                                       void const* what, commit_function commit, void* argument) noexcept {
    FIBER_ASSERT(agent::is_open(t));
    return observed_wait<park_until_unobserved>(why, what, t, deadline, why, what, commit, argument);
}

namespace {

// Marks the wait as ended. Returns the fiber that the caller must make runnable. Returns null if there is
// none, or if the agent is an OS thread, which finish_wait has woken.
inline fiber* finish_wait(ticket t) noexcept {
    if (t.who->is_from_parent()) [[unlikely]] // [fork]
        return nullptr;
    if (!agent::mark_woken(t))
        return nullptr; // it has not parked yet; its mark_parked will find the wake
    if (t.who->is_fiber()) [[likely]]
        return static_cast<fiber*>(t.who);
    static_cast<thread_agent&>(*t.who).ready();
    return nullptr;
}

} // namespace

void unpark(ticket t) noexcept {
    if (fiber* const g = finish_wait(t))
        ready(*g);
}

void unpark(ticket t, clock::time_point waiting_since) noexcept {
    if (fiber* const g = finish_wait(t))
        ready(*g, waiting_since);
}

// Flushes after `most` fibers, so that the first fibers of a long queue need not wait for the last. The
// benchmark is perf/run --rivals, wake_all.
void unpark_batch::add(ticket t) noexcept {
    constexpr std::size_t most = 64;
    fiber* const g = finish_wait(t);
    if (g == nullptr)
        return;
    if (size_ == most || (size_ != 0 && first_->scheduler != g->scheduler))
        flush();
    g->move(fiber_state::parked, fiber_state::runnable);
    g->next = nullptr;
    (size_ == 0 ? first_ : last_->next) = g;
    last_ = g;
    ++size_;
}

void unpark_batch::flush() noexcept {
    if (size_ != 0)
        enqueue_back(*first_->scheduler, {*first_, *last_, size_});
    size_ = 0;
}

} // namespace fiber::rt
