// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// sleep.hpp: the wait of a fiber that only a deadline ends.
#pragma once

#include "runtime/base/platform/clock.hpp"

namespace fiber::rt {

// Parks the calling fiber until the deadline. The caller must not be an OS thread.
void sleep_until(clock::time_point deadline) noexcept;

} // namespace fiber::rt
