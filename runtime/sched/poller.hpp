// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// poller.hpp: the netpoller's place in the scheduler: a source of fibers that the world outside makes runnable.
// Machines ask it whenever they look around: on every 61st tick, while they search, and when sysmon wants them to.
#pragma once

#include "runtime/sched/fiber_list.hpp"

namespace fiber::rt {

class poller {
public:
    // Parked fibers whose wait is over, each given once and to one caller. Called by several machines at a time; must
    // neither block nor park.
    [[nodiscard]] virtual fiber_list poll() noexcept = 0;

protected:
    ~poller() = default;
};

} // namespace fiber::rt
