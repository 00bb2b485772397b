// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// blocked.hpp: whether a thread of this process sleeps in the kernel, as opposed to running or
// waiting for a CPU.
#pragma once

#include <sys/types.h>

namespace fiber::rt {

// Returns true if the thread sleeps in the kernel; false also if /proc does not tell. Takes some
// microseconds: it reads a file.
[[nodiscard]] bool is_blocked(pid_t thread) noexcept;

} // namespace fiber::rt
