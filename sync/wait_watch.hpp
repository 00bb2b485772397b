// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_watch.hpp: reports long waits while they last, for FIBER_DEBUG.
#pragma once

#include "runtime/wait_observer.hpp"

#include <chrono>
#include <mutex>

namespace fiber::rt::wait_watch {

using reporter = void (*)(wait_facts const&) noexcept;

// Arranges that report(wait) is called once for each wait of at least `long_wait`, with `hold`
// locked. During the call the agent still waits, or its wait has ended and it is about to lock
// `hold`. Call it before the first wait.
void observe(std::chrono::milliseconds long_wait, std::mutex& hold, reporter report) noexcept;

// Starts the thread that polls the waits if this process has none yet. Without the thread, waits
// are reported when they are over. The caller holds `hold`.
void start_watcher() noexcept;

// Notes that the child of a fork has no such thread.
void forget_watcher() noexcept;

} // namespace fiber::rt::wait_watch
