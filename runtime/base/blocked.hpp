// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// blocked.hpp: whether a thread of this process sleeps in the kernel, as opposed to running or waiting for a CPU.
#pragma once

#include <sys/types.h>

namespace fiber::rt {

// Some 10 µs. False where /proc does not tell.
[[nodiscard]] bool is_blocked(pid_t thread) noexcept;

} // namespace fiber::rt
