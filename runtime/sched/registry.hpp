// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// registry.hpp: all schedulers of this process, for dumps and for the search for deadlocks.
// A scheduler is listed from the end of its construction until its last fiber has ended.
#pragma once

#include <functional>
#include <mutex>

namespace fiber::rt {

class scheduler;

void enlist(scheduler&);
void delist(scheduler&) noexcept;

// Calls f for each listed scheduler. Each one exists until f has returned: its destructor waits. No lock is
// held during the call. Throws what f throws, and std::bad_alloc.
void for_each_scheduler(std::function<void(scheduler&)> const& f);

// Ends the sleep of each listed scheduler's sysmon. Allocates nothing.
void wake_sysmons() noexcept;

// For fork: the lock, and a function that makes the child forget the schedulers of its parent.
[[nodiscard]] std::mutex& schedulers_mutex() noexcept;
void forget_schedulers() noexcept;

} // namespace fiber::rt
