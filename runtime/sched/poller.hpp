// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// poller.hpp: the scheduler's interface for a netpoller, a source of fibers that the outside world makes
// runnable. Machines call it on every 61st tick, while they search, and when sysmon requests it.
#pragma once

#include "runtime/sched/fiber_list.hpp"

namespace fiber::rt {

class poller {
public:
    // Returns parked fibers with a wait that is over. Each is returned once, to one caller. Several
    // machines may call at a time. Must neither block nor park.
    [[nodiscard]] virtual fiber_list poll() noexcept = 0;

protected:
    ~poller() = default;
};

} // namespace fiber::rt
