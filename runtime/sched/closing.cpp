// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/closing.hpp"

#include "runtime/base/atomics/backoff.hpp"
#include "runtime/park.hpp"
#include "runtime/sched/scheduler.hpp"

namespace fiber::rt {

void closing::wait_until_empty() noexcept {
    agent& me = self();
    rt::park(wait_reason::none, &of_, [this, &me] {
        closing& c = *this; // the closure is destroyed once the closer has been woken
        c.begin_visit();    // before the store of closer_ no thread waits for visitors
        c.closer_.store(&me, std::memory_order_release); // [close]
        c.begun_.store(true, std::memory_order_relaxed); // relaxed: the fence orders it
        full_fence();                                    // [close]
        c.wake_closer_if_empty_slow();
        c.end_visit(); // [close.visit] c may be destroyed here
    });
}

void closing::wake_closer_if_empty_slow() noexcept {
    if (of_.live_fibers() != 0)
        return;
    if (agent* const closer = closer_.exchange(nullptr, std::memory_order_acq_rel)) // [close]
        unpark(ticket{closer});
}

void closing::wait_for_visitors() noexcept {
    spin_until([this] { return visitors_.load(std::memory_order_acquire) == 0; }); // [close.visit]
}

} // namespace fiber::rt
