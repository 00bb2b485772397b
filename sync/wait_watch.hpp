// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_watch.hpp: tells of waits that last long, while they last: for FIBER_DEBUG.
#pragma once

#include "runtime/park.hpp"

#include <chrono>
#include <mutex>

namespace fiber::rt::wait_watch {

using reporter = void (*)(wait_facts const&) noexcept;

// From now on report(wait) is called for each wait that has lasted so long, once, with `hold` locked: the party waits, or
// is about to lock `hold` and learn that it does not wait any more. Before the first wait.
void observe(std::chrono::milliseconds long_wait, std::mutex& hold, reporter report) noexcept;

// Starts the thread that looks at those who wait, if there is none yet in this process. Without it waits are reported when
// they are over. Under `hold`.
void start_watcher() noexcept;

// In the child of a fork, which the thread has not come along to.
void forget_watcher() noexcept;

} // namespace fiber::rt::wait_watch
