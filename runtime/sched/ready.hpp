// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// ready.hpp: makes fibers runnable. Any thread may call these functions. They never block, fail or allocate.
#pragma once

#include "runtime/base/platform/clock.hpp"

namespace fiber::rt {

class fiber;
class fiber_list;
class scheduler;

// Makes a parked fiber runnable.
void ready(fiber&) noexcept;
// Does the same, but gives the fiber to a machine without work if there is one, as unpark() does.
void ready(fiber&, clock::time_point waiting_since) noexcept;
// Enqueues runnable fibers, which are in no queue, behind all others.
void enqueue_back(scheduler&, fiber_list&&) noexcept;
// Puts runnable fibers into the global queue, for a caller without a processor.
void inject(scheduler&, fiber_list&&) noexcept;

} // namespace fiber::rt
