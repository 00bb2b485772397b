// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// membarrier.hpp: the kernel has every running thread of this process do something at once, membarrier(2). A command must be
// registered before its first use.
#pragma once

namespace fiber::rt {

// False: the kernel does not know it, or may not.
[[nodiscard]] bool register_membarrier(int command) noexcept;

// A full fence too. Aborts if it is refused, having been registered. Keeps errno.
void membarrier(int command) noexcept;

} // namespace fiber::rt
