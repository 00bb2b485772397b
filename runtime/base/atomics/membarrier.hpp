// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// membarrier.hpp: membarrier(2), by which the kernel makes every running thread of this process do
// something at once. A command must be registered before its first use.
#pragma once

#include <cstdint>

namespace fiber::rt {

// Returns false if the kernel does not know the command, or a filter forbids it.
[[nodiscard]] bool register_membarrier(int command) noexcept;

// Executes the command, which is also a full fence. Registers it again if the kernel has lost the
// registration, and aborts if the kernel refuses it then. Preserves errno.
void membarrier(int command) noexcept;

// Returns the number of calls of membarrier() in this process, without registrations.
[[nodiscard]] std::uint64_t membarrier_count() noexcept;

} // namespace fiber::rt
