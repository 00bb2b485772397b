// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// membarrier.hpp: the kernel has every running thread of this process do something at once, membarrier(2). A command must be
// registered before its first use.
#pragma once

#include <cstdint>

namespace fiber::rt {

// False: the kernel does not know it, or may not.
[[nodiscard]] bool register_membarrier(int command) noexcept;

// A full fence too. Registers the command again if that is what the kernel misses, and aborts if it is refused all the same.
// Keeps errno.
void membarrier(int command) noexcept;

// How often this process has called it, registrations apart.
[[nodiscard]] std::uint64_t membarrier_count() noexcept;

} // namespace fiber::rt
